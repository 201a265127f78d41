"""The scheduler: takes work, cuts and joins it, and gives it to the workers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal
from weakref import WeakValueDictionary

from deepaw.server.scheduler.interface import (
    DensityWork,
    Job,
    JobCancelledError,
    ModelInfo,
    NotReadyError,
    Structure,
    Work,
)
from deepaw.server.scheduler.job import ScheduledJob
from deepaw.server.scheduler.models import ModelTable
from deepaw.server.scheduler.pace import Pace
from deepaw.server.scheduler.queue import FairQueue, QueueLimits, check_room
from deepaw.server.scheduler.service import Service
from deepaw.server.scheduler.state import SchedulerState
from deepaw.server.scheduler.structures import KeptStructures
from deepaw.server.scheduler.tasks import Task, kind_of, size_of, task_of
from deepaw.server.worker.interface import Worker

STRUCTURE_BYTES = 64 * 2**20
"""That structures with handles may take."""

SLAB = 4_000_000
"""Points that a streamed grid counts for in the queue, at most."""

log = logging.getLogger(__name__)


class TileScheduler:
    """A `Scheduler` of one or more workers.

    models: the file of each name, or the name of a bundled model. structure_bytes: as `STRUCTURE_BYTES`. batch_size:
    points or atoms of joined requests, 0 for as many as take a few hundredths of a second.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        models: Mapping[str, str],
        limits: QueueLimits | None = None,
        structure_bytes: int = STRUCTURE_BYTES,
        batch_size: int = 0,
    ) -> None:
        if not workers:
            raise ValueError("no workers")
        self._workers, self._first_models = list(workers), dict(models)
        self._limits = limits or QueueLimits()
        self._queue, self._pace, self._models = FairQueue(), Pace(batch_size), ModelTable()
        self._structures = KeptStructures(structure_bytes)
        self._services = [Service(worker, self._queue, self._pace, self._models) for worker in self._workers]
        self._tasks: dict[str, Task] = {}
        self._taken: Counter[str] = Counter()
        self._known: WeakValueDictionary[str, ScheduledJob] = WeakValueDictionary()
        self._served: Counter[str] = Counter()
        self._loops: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        await asyncio.gather(*(worker.start() for worker in self._workers))
        for name, path in self._first_models.items():
            await self._models.load(self._workers, name, path)
        self._loops = [asyncio.create_task(service.run()) for service in self._services]

    def submit(self, work: Work, client: str) -> Job:
        if self._stopping or not self._loops:
            raise NotReadyError("The server is stopping." if self._stopping else "The server is starting.")
        model = self._models.find(work.model, kind_of(work))
        structure = None
        if isinstance(work, DensityWork):
            structure = self._structures.get(work.structure) if isinstance(work.structure, str) else work.structure
        unit, weight = _weight(work)
        check_room(self._limits, self._taken, unit, weight, self._retry_after)
        job = ScheduledJob(work, client, model.hash, size_of(work), self._wake, self._ended)
        task = task_of(job, structure)
        self._models.begin(model.hash)
        self._tasks[job.id], self._known[job.id] = task, job
        self._taken += Counter({"requests": 1, unit: weight})
        self._queue.push(task)
        for service in self._services:
            service.interrupt()
        self._wake()
        return job

    def keep(self, structure: Structure) -> str:
        return self._structures.keep(structure)

    def job(self, id: str) -> Job | None:
        return self._known.get(id)

    async def update_model(self, name: str, path: str) -> ModelInfo:
        if self._stopping or not self._loops:
            raise NotReadyError("The server is stopping." if self._stopping else "The server is starting.")
        info = await self._models.load(self._workers, name, path)
        log.info("model %s is now %s", name, info.hash)
        return info

    def models(self) -> list[ModelInfo]:
        return self._models.list()

    def state(self) -> SchedulerState:
        waiting = Counter(requests=0)
        for task in self._tasks.values():
            if task.job.state == "queued":
                waiting += Counter({"requests": 1, task.unit: task.left})
        usage: Counter[str] = sum((Counter(service.usage) for service in self._services), Counter())
        config = self._workers[0].config
        return SchedulerState(
            state=self._state(),
            device=", ".join(worker.config.device for worker in self._workers),
            precision=f"{config.density_precision}, {config.potential_precision}",
            queued=waiting["requests"],
            running=len(self._tasks) - waiting["requests"],
            queued_points=waiting["points"],
            queued_atoms=waiting["atoms"],
            served=dict(self._served),
            batches=dict(self._pace.batches),
            batched=dict(self._pace.batched),
            engine_seconds=dict(self._pace.engine_seconds),
            halvings=usage["halvings"],
            restarts=sum(service.restarts for service in self._services),
            structures=len(self._structures),
            structure_bytes=self._structures.nbytes,
            memory_bytes=usage["memory"],
            device_bytes=usage["device"],
            cuda_available=usage["cuda"] > 0,
            worker_pids=tuple(worker.pid for worker in self._workers if worker.pid is not None),
        )

    async def stop(self, grace: float) -> None:
        self._stopping = True
        until = time.monotonic() + grace
        while self._tasks and time.monotonic() < until and self._loops:
            await asyncio.sleep(0.01)
        for task in list(self._tasks.values()):
            task.job.fail(JobCancelledError("The server stopped before the job was done."))
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers), return_exceptions=True)

    def _state(self) -> Literal["starting", "running", "recovering", "stopping"]:
        if self._stopping:
            return "stopping"
        if not self._loops:
            return "starting"
        return "recovering" if any(service.recovering for service in self._services) else "running"

    def _retry_after(self) -> float:
        """Seconds until half of what waits is done, about."""
        seconds = sum(self._pace.seconds(task.kind, task.job.model, task.left) for task in self._tasks.values())
        return min(max(1.0, seconds / 2 / len(self._workers)), 60.0)

    def _ended(self, job: ScheduledJob) -> None:
        self._tasks.pop(job.id, None)
        self._served[job.state] += 1
        unit, weight = _weight(job.work)
        self._taken -= Counter({"requests": 1, unit: weight})
        if self._models.end(job.model):
            dropping = asyncio.get_running_loop().create_task(self._models.drop(self._workers, job.model))
            self._background.add(dropping)
            dropping.add_done_callback(self._background.discard)
        if job.state == "cancelled":
            for service in self._services:
                service.interrupt()
        self._wake()

    def _wake(self) -> None:
        for service in self._services:
            service.wake()


def _weight(work: Work) -> tuple[Literal["points", "atoms"], int]:
    """What a job counts for in the queue."""
    if isinstance(work, DensityWork):
        return "points", min(size_of(work), SLAB) if work.stream else size_of(work)
    return "atoms", size_of(work)
