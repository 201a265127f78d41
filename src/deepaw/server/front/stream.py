"""A density on a grid, sent tile by tile while it is evaluated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from deepaw.server.front.answers import summary_of
from deepaw.server.front.errors import as_request_error
from deepaw.server.front.waiting import took_too_long
from deepaw.server.messages.binary import Buffer
from deepaw.server.messages.stream import STREAM_TYPE, stream_parts
from deepaw.server.scheduler.interface import DensityAnswer, DensityWork, Job, Tile

PULSE = 0.25
"""Seconds between two reports of progress while no tile is ready."""


def streamed(job: Job, work: DensityWork, request: Request, seconds: float) -> StreamingResponse:
    """First `job`, `shape` and `dtype`; then tiles, `offset` and `values`, in order and not scaled, and reports,
    `progress`; at last `end`, what a whole answer has besides its values, or `error`.
    """
    return _Stream(job, _guarded(job, work, request, seconds))


class _Stream(StreamingResponse):
    """Cancels the job when nobody takes the rest, wherever in sending that is found out."""

    def __init__(self, job: Job, parts: AsyncIterator[Buffer]) -> None:
        super().__init__(parts, media_type=STREAM_TYPE, headers={"X-Job-Id": job.id})
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._job.cancel()


async def _guarded(job: Job, work: DensityWork, request: Request, seconds: float) -> AsyncIterator[Buffer]:
    try:
        async for message in _messages(job, work, seconds):
            for part in stream_parts(message):
                yield part
    except Exception as error:
        refusal = as_request_error(error)
        if refusal is None:
            raise
        request.scope["deepaw.error"] = refusal.kind
        for part in stream_parts({"error": str(refusal), "status": refusal.status}):
            yield part


async def _messages(job: Job, work: DensityWork, seconds: float) -> AsyncIterator[dict[str, Any]]:
    end = time.monotonic() + seconds
    yield {"job": job.id, "shape": list(work.grid_shape or ()), "dtype": "<f4"}
    tiles = job.tiles()
    coming: asyncio.Future[Tile] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(tiles))
            while not (await asyncio.wait({coming}, timeout=PULSE))[0]:
                yield {"progress": list(job.progress)}
                if time.monotonic() > end:
                    raise took_too_long(seconds)
            try:
                tile = coming.result()
            except StopAsyncIteration:
                break
            yield {"offset": tile.offset, "progress": list(job.progress), "values": tile.values}
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await coming
    answer = await job.result()
    assert isinstance(answer, DensityAnswer)
    yield {"end": {"model": answer.model, "elapsed": answer.elapsed, **summary_of(answer)}}
