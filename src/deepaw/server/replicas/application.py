"""The application of one replica: that of `deepaw-server start`, with a scheduler that begins and ends with it."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepaw.errors import InputError
from deepaw.server.front.app import create_app
from deepaw.server.process.config import ServerConfig
from deepaw.server.process.logs import JsonFormatter
from deepaw.server.process.serve import front_config, make_scheduler
from deepaw.server.scheduler.interface import EvaluationError, OutOfMemoryError, WorkerLostError

UNKNOWN = ("0.0.0.0", 0)
"""The address of whoever came through a proxy that does not say."""

GRACE = 25.0
"""Seconds for what runs when a replica is ended."""


class ReplicaApplication:
    """An ASGI application.

    Every request comes through a proxy of Ray's, so that its address says nothing: all need a key, and none is taken
    for one over the Unix socket, whose sender may read any file.
    """

    def __init__(self, config: ServerConfig, keys: tuple[str, ...], hashes: dict[str, str]) -> None:
        """hashes: what the models should have, which lie on every machine at the same place."""
        self._hashes = hashes
        self._scheduler = make_scheduler(config)
        front = front_config(config, keys)
        # Ray takes whatever a replica sends, and holds it until the client has read it
        limits = replace(front.limits, points=front.limits.answer_points)
        front = replace(front, require_key="always", replica=True, limits=limits)
        self._app: ASGIApp = create_app(self._scheduler, front)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app({**scope, "client": scope.get("client") or UNKNOWN}, receive, _plain(send))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        _log_to_stderr()
        try:
            await self._scheduler.start()
            self._check_hashes()
        except (InputError, WorkerLostError, OutOfMemoryError, EvaluationError) as error:
            await self._scheduler.stop(0.0)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._scheduler.stop(GRACE)
        await send({"type": "lifespan.shutdown.complete"})

    def _check_hashes(self) -> None:
        for model in self._scheduler.models():
            if model.hash != self._hashes[model.name]:
                raise InputError(f"{model.path} is another file on this machine; it should be the same on all.")


def _plain(send: Send) -> Send:
    """Bodies as bytes: Ray sends them to the process that holds the connection, and has no way to send a memoryview."""

    async def sending(message: Message) -> None:
        if isinstance(message.get("body"), memoryview):
            message = {**message, "body": bytes(message["body"])}
        await send(message)

    return sending


def _log_to_stderr() -> None:
    """Ray keeps what a replica writes there in a file of its own."""
    logger = logging.getLogger("deepaw")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
