"""The way of messages to /infer past the routing of FastAPI, which takes longer than everything else in front."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from deepaw.server.front.endpoints import infer


class ShortcutMiddleware:
    """The innermost one: what it passes over finds its way through the routes, of which /infer is one as well.

    Errors are left to `RecordMiddleware`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = next(route for route in infer.router.routes if getattr(route, "path", "") == "/infer")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/infer" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        response = await infer.infer(Request(scope, receive, send))
        await response(scope, receive, send)
