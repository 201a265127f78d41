"""What surrounds every request: its id, a line in the log, the metrics, and an answer whatever happens."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepaw.server.faults import place_of
from deepaw.server.front.errors import ClientGoneError, RequestError, as_request_error, error_response
from deepaw.server.front.metrics import Metrics

log = logging.getLogger("deepaw.server")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

CLIENT_GONE = 499
"""Status in the log of a request whose client went away; nothing was answered."""


class RecordMiddleware:
    """The outermost one."""

    def __init__(self, app: ASGIApp, metrics: Metrics, most: int, send_seconds: float) -> None:
        self._app = app
        self._metrics = metrics
        self._most = most
        self._patience = send_seconds
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        status = 0

        async def recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            try:
                async with asyncio.timeout(self._patience):
                    await send(message)
            except TimeoutError:
                raise ClientGoneError from None

        self._active += 1
        try:
            if self._active > self._most:
                raise RequestError(503, "busy", "Too many requests are open; try again soon.", {"Retry-After": "1"})
            await self._app(scope, receive, recorded)
        except (ClientGoneError, ConnectionError):
            status = status or CLIENT_GONE
        except Exception as error:
            refusal = as_request_error(error)
            if refusal is None:
                log.error("fault", extra={"request": request_id, "fault": place_of(error)})
                refusal = RequestError(500, "fault", "The server made a mistake; its log has more under this request.")
            scope["deepaw.error"] = refusal.kind
            if status == 0:
                await error_response(refusal)(scope, receive, recorded)
        finally:
            self._active -= 1
            seconds = time.perf_counter() - start
            endpoint = getattr(scope.get("route"), "path", "other")
            self._metrics.request(endpoint, scope["method"], status, seconds, scope.get("deepaw.error"))
            details = {"request": request_id, "method": scope["method"], "endpoint": endpoint, "status": status}
            details |= {"ms": round(seconds * 1e3, 2), "client": scope.get("deepaw.client", "unknown")}
            if "deepaw.error" in scope:
                details["error"] = scope["deepaw.error"]
            log.info("request", extra=details)
