"""Waiting for a job, as long as somebody waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.requests import Request

from deepaw.server.front.errors import ClientGoneError, RequestError
from deepaw.server.scheduler.interface import Answer, Job


async def answer_of(job: Job, request: Request, seconds: float) -> Answer:
    """The answer. Cancels the job and raises where the client goes away or it takes too long."""
    async with client_watched(request) as gone:
        result = asyncio.ensure_future(job.result())
        try:
            both: set[asyncio.Future[Any]] = {result, gone}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if result.done():
                return result.result()
            if gone.done():
                raise ClientGoneError
            raise took_too_long(seconds)
        finally:
            if not result.done():
                job.cancel()
                result.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await result


@asynccontextmanager
async def client_watched(request: Request) -> AsyncIterator[asyncio.Future[None]]:
    """A future that is done when the client has gone away."""
    watch = asyncio.ensure_future(_gone(request))
    try:
        yield watch
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await watch


def took_too_long(seconds: float) -> RequestError:
    """The refusal."""
    return RequestError(504, "time", f"The answer took longer than {seconds:g} s and was given up.")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
