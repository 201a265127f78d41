"""Asking an application without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from deepaw.server import binary_to_dict, dict_to_binary
from deepaw.server.front.app import create_app
from deepaw.server.front.config import FrontConfig
from server.front.fake import FakeScheduler

MGO = {
    "numbers": [12, 8],
    "positions": [[0.0, 0.0, 0.0], [2.1, 2.1, 2.1]],
    "cell": [[0.0, 2.1, 2.1], [2.1, 0.0, 2.1], [2.1, 2.1, 0.0]],
    "pbc": [True, True, True],
}
MSGPACK = {"Content-Type": "application/msgpack"}


class Asking:
    """An application with a fake scheduler; `client` says the address that requests seem to come from."""

    def __init__(
        self, config: FrontConfig | None = None, client: tuple[str, int] | None = ("127.0.0.1", 50000)
    ) -> None:
        self.scheduler = FakeScheduler()
        self.app = create_app(self.scheduler, config or FrontConfig())
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=client)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost:8265")

    async def infer(self, message: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http.post("/infer", content=dict_to_binary(message), headers={**MSGPACK, **headers})

    async def inferred(self, message: dict[str, Any]) -> dict[str, Any]:
        response = await self.infer(message)
        assert response.status_code == 200, response.text
        return binary_to_dict(response.content)


def asked(
    steps: Callable[[Asking], Awaitable[None]],
    config: FrontConfig | None = None,
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
) -> None:
    """Run the steps of a test in an event loop of their own."""

    async def run() -> None:
        await steps(Asking(config, client))

    asyncio.run(run())


def refused(response: httpx.Response, status: int, said: str) -> None:
    """An error is JSON with one sentence."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert said in body["error"]
    assert body["error"].count("\n") == 0
    assert body["error"].endswith(".")
