"""Dipoles and polarizabilities asked for over HTTP, with the scheduler and models in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from deepaw.infer import DeepDipole, DeepPolar
from deepaw.modelsource import file_hash
from deepaw.server import binary_to_dict, dict_to_binary
from deepaw.server.front.app import create_app
from deepaw.server.front.config import FrontConfig
from deepaw.server.scheduler.scheduler import TileScheduler
from deepaw.server.worker.inprocess import InProcessWorker
from server.front.asking import MSGPACK, refused
from server.models import cluster, write_potential, write_tensor

Files = dict[str, Path]
Post = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("models")
    return {
        "dip": write_tensor(folder / "dip.safetensors", "dipole"),
        "pol": write_tensor(folder / "pol.safetensors", "polar"),
        "water": write_potential(folder / "water.safetensors"),
    }


def asking(files: Files, steps: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Run the steps of a test against an application with these models."""

    async def run() -> None:
        scheduler = TileScheduler([InProcessWorker()], {name: str(path) for name, path in files.items()})
        await scheduler.start()
        transport = httpx.ASGITransport(create_app(scheduler, FrontConfig()), client=("127.0.0.1", 50000))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8265") as http:
                await steps(http)
        finally:
            await scheduler.stop(0.0)

    asyncio.run(run())


def message(kind: str, **given: Any) -> dict[str, Any]:
    work = cluster()
    return {"kind": kind, "coord": work.coord, "cell": work.cell, "types": work.types, **given}


async def inferred(http: httpx.AsyncClient, kind: str, **given: Any) -> dict[str, Any]:
    response = await http.post("/infer", content=dict_to_binary(message(kind, **given)), headers=MSGPACK)
    assert response.status_code == 200, response.text
    return binary_to_dict(response.content)


def test_tensors(files: Files) -> None:
    async def steps(http: httpx.AsyncClient) -> None:
        work = cluster()
        for kind, name, model in (("dipole", "dip", DeepDipole), ("polar", "pol", DeepPolar)):
            expected = model(files[name]).eval_full(work.coord, work.cell, work.types, atomic=True)
            found = await inferred(http, kind, atomic=True, derivatives=True)
            assert (found["kind"], found["model"]) == (kind, file_hash(files[name]))
            for key, values in zip(("tensor", "force", "virial", "atom_tensor", "atom_virial"), expected, strict=True):
                np.testing.assert_array_equal(found[key].ravel(), values.ravel(), err_msg=key)
            assert found["atom_virial"].shape[1:] == (expected[0].shape[1], 7, 3, 3)
            assert (await inferred(http, kind)).keys() == {"kind", "model", "elapsed", "tensor"}
            by_number = await inferred(http, kind, types=None, numbers=np.array([8, 1])[work.types])
            np.testing.assert_array_equal(by_number["tensor"], expected[0])
        listed = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in message("polar").items()}
        answer = (await http.post("/infer", json=listed)).json()
        np.testing.assert_array_equal(answer["tensor"], expected[0])

    asking(files, steps)


def test_many_at_once_are_not_mixed_up(files: Files) -> None:
    async def steps(http: httpx.AsyncClient) -> None:
        works = [cluster(4 + number % 5, number) for number in range(12)]
        asked = [inferred(http, "dipole", coord=w.coord, cell=w.cell, types=w.types) for w in works]
        model = DeepDipole(files["dip"])
        for found, w in zip(await asyncio.gather(*asked), works, strict=True):
            np.testing.assert_array_equal(found["tensor"], model.eval(w.coord, w.cell, w.types, atomic=False))

    asking(files, steps)


def test_models_of_another_kind(files: Files) -> None:
    async def steps(http: httpx.AsyncClient) -> None:
        async def answer(kind: str, **given: Any) -> httpx.Response:
            return await http.post("/infer", content=dict_to_binary(message(kind, **given)), headers=MSGPACK)

        said = "The model 'dip' is of kind dipole, and the request is for one of kind potential."
        refused(await answer("potential", model="dip"), 404, said)
        refused(await answer("dipole", model="water"), 404, "'water' is of kind potential")
        refused(await answer("polar", model="dip"), 404, "'dip' is of kind dipole")
        refused(await answer("potential", derivatives=True), 422, "'derivatives' is not a key")
        refused(await answer("dipole", derivatives=1), 422, "derivatives should be true or false")
        refused(await answer("dipole", types=np.array([0, 1, 2, 0, 1, 0, 1])), 422, "type 2")
        refused(await answer("dipole", coord=np.zeros((1, 7, 3))), 422, "one spot")
        stream = {**MSGPACK, "Accept": "application/octet-stream"}
        response = await http.post("/infer", content=dict_to_binary(message("polar")), headers=stream)
        refused(response, 422, "Only densities")
        kinds = {model["name"]: model["kind"] for model in (await http.get("/model_info")).json()["models"]}
        assert kinds == {"dip": "dipole", "pol": "polar", "water": "potential"}
        status = (await http.get("/status")).json()
        assert status["use_dual_model"] is False

    asking(files, steps)
    only = {"dip": files["dip"]}

    async def without(http: httpx.AsyncClient) -> None:
        response = await http.post("/infer", content=dict_to_binary(message("potential")), headers=MSGPACK)
        refused(response, 404, "no model of kind potential")

    asking(only, without)
