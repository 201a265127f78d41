"""The application of one replica, without Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.types import Message, Receive, Scope, Send

from deepaw.infer import DeepPot
from deepaw.modelsource import file_hash
from deepaw.server import binary_to_dict, dict_to_binary
from deepaw.server.process.config import ServerConfig
from deepaw.server.replicas.application import ReplicaApplication
from server.front.asking import MSGPACK, refused
from server.models import cluster, magnesia, write_potential

KEY = "0123456789abcdef"


class Lived:
    """An application between its beginning and its end, as Ray has it: only bytes are sent, and no address is told."""

    def __init__(self, path: Path, hash: str) -> None:
        config = ServerConfig(home="", models={"water": str(path)}, data_dirs=(str(path.parent),))
        self._app = ReplicaApplication(config, (KEY,), {"water": hash})
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    async def begin(self) -> Message:
        self._task = asyncio.ensure_future(self._app({"type": "lifespan"}, self._orders.get, self._said.put))
        await self._orders.put({"type": "lifespan.startup"})
        return await self._said.get()

    async def end(self) -> Message:
        await self._orders.put({"type": "lifespan.shutdown"})
        return await self._said.get()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            assert isinstance(message.get("body", b""), bytes)
            await send(message)

        await self._app({**scope, "client": None}, receive, sent)


def asking(path: Path, steps: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        lived = Lived(path, file_hash(path))
        assert await lived.begin() == {"type": "lifespan.startup.complete"}
        transport: Any = httpx.ASGITransport(lived)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            await steps(http)
        assert await lived.end() == {"type": "lifespan.shutdown.complete"}

    asyncio.run(run())


def test_requests_need_a_key_and_reach_the_scheduler(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")

    async def steps(http: httpx.AsyncClient) -> None:
        refused(await http.get("/status"), 401, "X-API-Key is missing")
        refused(await http.get("/status", headers={"X-API-Key": "no"}), 401, "not a key")
        assert (await http.get("/health")).json() == {"status": "running"}
        http.headers["X-API-Key"] = KEY
        work = cluster()
        many = np.repeat(work.coord, 100, axis=0)  # an array that is sent on without being copied
        message = {"kind": "potential", "coord": many, "cell": work.cell[0], "types": work.types}
        found = binary_to_dict((await http.post("/infer", content=dict_to_binary(message), headers=MSGPACK)).content)
        expected = DeepPot(path).eval(work.coord, work.cell, work.types)
        np.testing.assert_allclose(found["force"][17], expected[1][0], atol=1e-10)
        # what is anywhere else on the machine is not read, though there is no address, as there is none on a socket
        refused(await http.post("/predict", json={"db_path": "/etc/passwd", "db_id": 1}), 403, "--data-dir")
        refused(await http.post("/update_model", json={"path": "fast"}), 409, "deepaw-server ray")

    asking(path, steps)


@pytest.mark.slow
def test_streams_are_no_longer_than_other_answers(tmp_path: Path) -> None:
    """Nothing tells a replica how much of a stream has been read."""
    path = write_potential(tmp_path / "water.safetensors")
    atoms = magnesia()
    structure = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array}
    message = dict_to_binary({"kind": "density", "atoms": structure, "grid_shape": [500, 500, 500]})

    async def steps(http: httpx.AsyncClient) -> None:
        headers = {**MSGPACK, "X-API-Key": KEY, "Accept": "application/octet-stream"}
        refused(await http.post("/infer", content=message, headers=headers), 413, "this server takes 50,000,000")

    asking(path, steps)


@pytest.mark.slow
def test_models_that_are_not_those_of_other_machines(tmp_path: Path) -> None:
    path = write_potential(tmp_path / "water.safetensors")

    async def run() -> None:
        said = await Lived(path, "0" * 64).begin()
        assert said["type"] == "lifespan.startup.failed"
        assert "is another file on this machine" in said["message"]

    asyncio.run(run())
