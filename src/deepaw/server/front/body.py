"""Bodies of requests are received whole, within limits, before anything is made of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepaw.server.front.config import Limits
from deepaw.server.front.errors import ClientGoneError, RequestError

CLOSE = {"Connection": "close"}

DISCARD_SECONDS, DISCARD_PAUSE = 5.0, 0.5
"""How long what is too long is still received, and a pause after which it is not: who only sends at first would see the
connection break, and not the answer.
"""

PREDICT = {"/predict", "/v1/predict"}


class BodyMiddleware:
    """Refuses a body that is too long, comes too slowly, or would grow too large when read."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] in PREDICT and b"json" not in headers.get(b"content-type", b"").lower():
            # these take nothing but JSON, and programs that send it with curl's default type are asked by nobody else
            kept = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            scope["headers"] = [*kept, (b"content-type", b"application/json")]
            headers[b"content-type"] = b"application/json"
        is_json = b"json" in headers.get(b"content-type", b"").lower()
        most = self._limits.json if is_json else self._limits.body
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    await self._receive(receive, headers, most, body)
            except TimeoutError:
                seconds = f"{self._limits.body_seconds:g} s"
                raise RequestError(408, "slow", f"The body did not come in within {seconds}.", CLOSE) from None
            if is_json:
                self._check_json(body)
            await self._app(scope, _replayed(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _receive(self, receive: Receive, headers: dict[bytes, bytes], most: int, body: bytearray) -> None:
        announced = headers.get(b"content-length", b"0")
        too_long = RequestError(413, "body", f"The body is longer than {most:,} bytes.", CLOSE)
        if not announced.isdigit() or int(announced) > most:
            if b"expect" not in headers:  # who asks first has not begun to send
                await _discard(receive)
            raise too_long
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            piece = message.get("body", b"")
            if len(body) + len(piece) > most:
                if message.get("more_body", False):
                    await _discard(receive)
                raise too_long
            body += piece
            self._held += len(piece)
            if self._held > self._limits.bodies:
                raise RequestError(
                    503, "bodies", "Too many large requests are open; try again soon.", {"Retry-After": "5", **CLOSE}
                )
            if not message.get("more_body", False):
                return

    def _check_json(self, body: bytearray) -> None:
        """Every value but the first follows a comma or a bracket, so counting these bounds what reading it takes."""
        levels = body.count(b"[") + body.count(b"{")
        if levels > self._limits.json_levels or body.count(b",") + levels > self._limits.json_values:
            raise RequestError(413, "body", "The JSON holds too many values; send them as a binary message to /infer.")


async def _discard(receive: Receive) -> None:
    """The rest of a body, for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while True:
                message = await asyncio.wait_for(receive(), DISCARD_PAUSE)
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                if not message.get("more_body", False):
                    return


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, and then whatever comes, which is that the client goes away."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
