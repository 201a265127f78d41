"""Work that was taken, from the moment it is to its end."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable

from deepaw.server.scheduler.interface import Answer, JobCancelledError, JobState, Tile, Work

AHEAD = 2
"""Tiles that are evaluated before somebody takes them."""


class ScheduledJob:
    """A `Job`.

    model: the hash of the model that works on it. total: points or atoms. notify: called when tiles of it were taken;
    when_ended: when there is an answer or an error.
    """

    def __init__(
        self,
        work: Work,
        client: str,
        model: str,
        total: int,
        notify: Callable[[], None],
        when_ended: Callable[[ScheduledJob], None],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.client, self.work, self.model = client, work, model
        self._notify, self._when_ended = notify, when_ended
        self._state: JobState = "queued"
        self._done, self._total = 0, total
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        # an error that nobody waits for is no news
        self._answer.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._tiles: deque[Tile] = deque()
        self._more = asyncio.Event()

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def progress(self) -> tuple[int, int]:
        return self._done, self._total

    @property
    def ended(self) -> bool:
        return self._answer.done()

    @property
    def may_go_on(self) -> bool:
        """Whether whoever takes the tiles keeps up."""
        return len(self._tiles) < AHEAD

    async def result(self) -> Answer:
        return await asyncio.shield(self._answer)

    async def tiles(self) -> AsyncIterator[Tile]:
        while True:
            while self._tiles:
                tile = self._tiles.popleft()
                self._notify()
                yield tile
            if self.ended:
                await self.result()
                return
            self._more.clear()
            await self._more.wait()

    def cancel(self) -> None:
        if not self.ended:
            self.fail(JobCancelledError("The job was cancelled."))

    def begin(self) -> None:
        """It runs."""
        if not self.ended:
            self._state = "running"

    def advance(self, done: int, total: int) -> None:
        """It runs, and is so far."""
        if not self.ended:
            self._state, self._done, self._total = "running", done, total

    def give(self, tile: Tile) -> None:
        """The next tile."""
        self._tiles.append(tile)
        self._more.set()

    def finish(self, answer: Answer) -> None:
        """It is done; of no effect if it has ended."""
        if not self.ended:
            self._state, self._done = "done", self._total
            self._answer.set_result(answer)
            self._end()

    def fail(self, error: Exception) -> None:
        """There will be no answer; of no effect if it has ended."""
        if not self.ended:
            self._state = "cancelled" if isinstance(error, JobCancelledError) else "failed"
            self._answer.set_exception(error)
            self._end()

    def _end(self) -> None:
        self._more.set()
        self._when_ended(self)
