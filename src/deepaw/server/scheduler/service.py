"""The loop that keeps one worker busy, and alive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from deepaw.errors import InputError
from deepaw.server.scheduler.interface import EvaluationError, OutOfMemoryError, WorkerLostError
from deepaw.server.scheduler.models import ModelTable
from deepaw.server.scheduler.pace import Pace
from deepaw.server.scheduler.queue import FairQueue
from deepaw.server.scheduler.tasks import GridTask, JoinedTask, Task
from deepaw.server.worker.failures import failure
from deepaw.server.worker.interface import UnsentError, Worker

ALONE, IN_TURN = 1.0, 0.02
"""Seconds that a grid goes on for when nothing waits, and when something does."""

LONGEST_PAUSE = 10.0
"""Seconds between attempts to start a worker."""

USAGE_EVERY = 1.0
"""Seconds."""

log = logging.getLogger(__name__)


class Service:
    """usage: as the worker's `usage` said last. recovering: the worker is being replaced; restarts: how often."""

    def __init__(self, worker: Worker, queue: FairQueue, pace: Pace, models: ModelTable) -> None:
        self._worker, self._queue, self._pace, self._models = worker, queue, pace, models
        self._awake = asyncio.Event()
        self._in_grid = False
        self._usage_at = 0.0
        self.usage: Mapping[str, int] = {}
        self.recovering = False
        self.restarts = 0
        worker.when_lost(self.wake)

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    def interrupt(self) -> None:
        """Something waits: a grid that runs should make room."""
        if self._in_grid:
            self._worker.interrupt()

    async def run(self) -> None:
        """For ever."""
        while True:
            if not self._worker.alive:
                await self._recover()
            # whoever has asked in the meantime gets into the same batch
            await asyncio.sleep(0)
            self._awake.clear()
            task = self._queue.pop(self._wants)
            if task is None:
                await self._note_usage()
                await self._awake.wait()
                continue
            if task.job.ended:
                await self._close(task)
            elif isinstance(task, GridTask):
                await self._go_on(task)
            elif isinstance(task, JoinedTask):
                await self._evaluate([task, *self._mates(task)])
            # afterwards, so that no answer waits for it
            await self._note_usage()

    def _wants(self, task: Task) -> bool:
        return task.worker in (None, self._worker) and task.ready

    def _mates(self, first: JoinedTask) -> list[JoinedTask]:
        """Others whose next pieces go into one batch with that of the first."""
        room = self._pace.batch_size(first.kind, first.job.model) - first.next_size
        found: list[JoinedTask] = []

        def fits(task: Task) -> bool:
            return (
                isinstance(task, JoinedTask)
                and task.kind == first.kind
                and task.job.model == first.job.model
                and not task.job.ended
                and task.next_size <= room
            )

        for task in self._queue.pop_mates(fits):
            assert isinstance(task, JoinedTask)
            found.append(task)
            room -= task.next_size
        return found

    async def _go_on(self, task: GridTask) -> None:
        seconds = IN_TURN if any(other.ready for other in self._queue.tasks()) else ALONE
        order, worker_before = task.order(seconds), task.worker
        task.worker = self._worker
        before, left = time.perf_counter(), task.left
        self._in_grid = True
        try:
            reply = await self._worker.call("grid", **order)
        except UnsentError as error:
            task.worker = worker_before
            if worker_before is None:
                self._queue.push(task)
            else:  # what was done of it went with the worker
                task.job.fail(error)
            return
        except Exception as error:
            task.job.fail(_known(error))
            return
        finally:
            self._in_grid = False
            elapsed = time.perf_counter() - before
            self._queue.charge(task.job.client, elapsed)
        task.take(reply)
        self._pace.note("grid", task.job.model, left - task.left, 1, elapsed)
        if reply["answer"] is None:
            self._queue.push(task)

    async def _evaluate(self, tasks: list[JoinedTask]) -> None:
        kind, model = tasks[0].kind, tasks[0].job.model
        sizes = [task.next_size for task in tasks]
        pieces = [task.piece() for task in tasks]
        for task in tasks:
            task.job.begin()
        before = time.perf_counter()
        try:
            argument = "sets" if kind == "points" else "requests"
            reply: dict[str, Any] = await self._worker.call(kind, model=model, **{argument: pieces})
        except UnsentError:
            for task in tasks:
                self._queue.push(task)
            return
        except Exception as error:
            for task in tasks:
                task.job.fail(_known(error))
            return
        elapsed = time.perf_counter() - before
        self._pace.note(kind, model, sum(sizes), len(tasks), elapsed)
        for task, size, answer in zip(tasks, sizes, reply["answers"], strict=True):
            self._queue.charge(task.job.client, elapsed * size / max(1, sum(sizes)))
            if (wrong := failure(answer)) is not None:
                task.job.fail(wrong)
            elif not task.job.ended:
                task.take(answer)
                if not task.job.ended:
                    self._queue.push(task)

    async def _close(self, task: Task) -> None:
        """Of a job that has been cancelled."""
        if isinstance(task, GridTask) and task.worker is self._worker:
            try:
                await self._worker.call("close", job=task.job.id)
            except WorkerLostError:
                return

    async def _note_usage(self) -> None:
        if time.monotonic() < self._usage_at + USAGE_EVERY:
            return
        self._usage_at = time.monotonic()
        try:
            self.usage = await self._worker.call("usage")
        except WorkerLostError:
            return

    async def _recover(self) -> None:
        self.recovering = True
        self.restarts += 1
        log.error("a worker ended; it is started again")
        self._fail(lambda task: task.worker is self._worker)
        pause = 0.1
        while True:
            try:
                await self._worker.start()
                await self._models.reload(self._worker)
                break
            except (WorkerLostError, InputError, OutOfMemoryError, EvaluationError, OSError) as error:
                # its kind alone: the text may name files
                log.error("the worker cannot be started: %s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        self._fail(lambda task: not self._models.is_current(task.job.model))
        self.recovering = False

    def _fail(self, unwanted: Any) -> None:
        for task in self._queue.remove(unwanted):
            task.job.fail(WorkerLostError("The process that worked on this ended; ask again."))


def _known(error: Exception) -> Exception:
    """The error of an order as whoever asked may see it."""
    if isinstance(error, InputError | WorkerLostError | OutOfMemoryError | EvaluationError):
        return error
    log.error("an order failed", exc_info=error)
    return EvaluationError("The evaluation failed; the server's log says why.")
