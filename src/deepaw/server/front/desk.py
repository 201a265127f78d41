"""Jobs whose answers are fetched later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.responses import Response

from deepaw.server.front.errors import RequestError, as_request_error
from deepaw.server.messages.forms import JobForm
from deepaw.server.scheduler.interface import Answer, Job, Scheduler

KEPT_SECONDS = 600.0
"""How long an answer is kept for whoever asked for it."""

MOST_KEPT = 64


@dataclass
class _Kept:
    job: Job
    render: Callable[[Answer], Response]
    result: asyncio.Task[Answer]
    ended: float | None = field(default=None)


class Desk:
    """Keeps jobs that nobody waits for, until they are fetched, cancelled or too old."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._kept: dict[str, _Kept] = {}

    def check_room(self) -> None:
        """Raises RequestError where too many answers wait to be fetched; asked before work is submitted."""
        self._forget_old()
        if len(self._kept) >= MOST_KEPT:
            raise RequestError(
                503, "jobs", "Too many answers wait to be fetched; fetch or delete some.", {"Retry-After": "10"}
            )

    def keep(self, job: Job, render: Callable[[Answer], Response]) -> None:
        """Keep a job; render: turns its answer into the response."""
        kept = _Kept(job, render, asyncio.ensure_future(job.result()))
        kept.result.add_done_callback(lambda done: _note_end(kept, done))
        self._kept[job.id] = kept

    async def wait(self, id: str, client: str, seconds: float) -> None:
        """Wait so long, or until a job that is kept has ended. Raises as `find`."""
        self._job(id, client)
        kept = self._kept.get(id)
        if kept is not None and seconds > 0:
            await asyncio.wait({kept.result}, timeout=seconds)

    def find(self, id: str, client: str) -> JobForm:
        """How far a job of this client is. Raises RequestError: no such job, or somebody else's."""
        job = self._job(id, client)
        done, total = job.progress
        kept = self._kept.get(id)
        error = None
        if kept is not None and kept.result.done() and not kept.result.cancelled():
            fault = kept.result.exception()
            if isinstance(fault, Exception):
                refusal = as_request_error(fault)
                error = str(refusal) if refusal is not None else "The server made a mistake."
        return JobForm(id=id, state=job.state, done=done, total=total, error=error)

    def cancel(self, id: str, client: str) -> JobForm:
        """Cancel a job; its answer, if there is one, is given up."""
        self._job(id, client).cancel()
        form = self.find(id, client)
        self._kept.pop(id, None)
        return form

    async def fetch(self, id: str, client: str) -> Response:
        """The answer, once. Raises RequestError: it is not there yet (409), or no such job."""
        self._job(id, client)
        kept = self._kept.get(id)
        if kept is None:
            raise RequestError(404, "job", "Somebody waits for the answer of this job where it was asked for.")
        if not kept.result.done():
            raise RequestError(409, "job", "The job is not done yet; GET /jobs/ID says how far it is.")
        del self._kept[id]
        return kept.render(kept.result.result())

    def _job(self, id: str, client: str) -> Job:
        self._forget_old()
        kept = self._kept.get(id)
        job = kept.job if kept is not None else self._scheduler.job(id)
        if job is None or owner(job.client) != owner(client):
            raise RequestError(404, "job", "There is no such job.")
        return job

    def _forget_old(self) -> None:
        latest = time.monotonic() - KEPT_SECONDS
        for id in [id for id, kept in self._kept.items() if kept.ended is not None and kept.ended < latest]:
            del self._kept[id]


def owner(client: str) -> str:
    """Who a client belongs to: a key, or this machine."""
    return client.split(":", 1)[0]


def _note_end(kept: _Kept, done: asyncio.Task[Answer]) -> None:
    kept.ended = time.monotonic()
    if not done.cancelled():
        done.exception()  # it is told to whoever fetches the answer
