"""A scheduler that answers at once with numbers that say what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from deepaw.errors import InputError
from deepaw.server.scheduler.frames import PotentialAnswer, PotentialWork, TensorAnswer, TensorWork
from deepaw.server.scheduler.interface import (
    Answer,
    DensityAnswer,
    DensityWork,
    JobCancelledError,
    JobState,
    ModelInfo,
    QueueFullError,
    Structure,
    Tile,
    UnknownHandleError,
    UnknownModelError,
    Work,
)
from deepaw.server.scheduler.state import SchedulerState

HASH = "0" * 64


def density(shape: tuple[int, int, int]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


class FakeJob:
    def __init__(self, id: str, work: Work, client: str, hold: asyncio.Event) -> None:
        self.id, self.work, self.client, self._hold = id, work, client, hold
        self.state: JobState = "queued"
        self.progress = (0, 10)
        self._cancelled = asyncio.Event()

    def cancel(self) -> None:
        if self.state != "done":
            self.state = "cancelled"
            self._cancelled.set()

    async def _held(self) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._hold, self._cancelled)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.state == "cancelled":
            raise JobCancelledError

    async def result(self) -> Answer:
        await self._held()
        self.state, self.progress = "done", (10, 10)
        work = self.work
        if isinstance(work, TensorWork):
            tensor = np.zeros((len(work.coord), 3 if work.kind == "dipole" else 9))
            return TensorAnswer(model=HASH, elapsed=0.1, kind=work.kind, tensor=tensor)
        if isinstance(work, PotentialWork):
            nframes, natoms = work.coord.shape[:2]
            energy, force = work.coord.sum(axis=(1, 2)), work.coord * 2
            virial = np.zeros((nframes, 3, 3)) if work.cell is None else work.cell
            of_atoms = (np.ones((nframes, natoms)), np.ones((nframes, natoms, 3, 3))) if work.atomic else (None, None)
            return PotentialAnswer(
                model=HASH,
                elapsed=0.1,
                energy=energy,
                force=force,
                virial=virial,
                atom_energy=of_atoms[0],
                atom_virial=of_atoms[1],
            )
        if isinstance(work.structure, Structure) and 79 in work.structure.numbers:
            raise InputError("The model has never seen Au.")
        if isinstance(work.structure, Structure) and 113 in work.structure.numbers:
            raise ZeroDivisionError("/home/secret")
        values = None if work.stream else density(work.grid_shape) if work.grid_shape else work.points[:, 0]
        return DensityAnswer(
            model=HASH,
            elapsed=0.1,
            values=None if values is None else values.astype(np.float32),
            points_evaluated=7,
            electrons_predicted=7.9,
            electrons_exact=8.0,
            scale=2.0,
            outside_training=["everything"],
            occupancies={"text": "blocks"} if work.occupancies else None,
        )

    async def tiles(self) -> AsyncIterator[Tile]:
        values = density(self.work.grid_shape).reshape(-1)
        for start in range(0, len(values), 100):
            await self._held()
            yield Tile(start, values[start : start + 100])


class FakeScheduler:
    def __init__(self) -> None:
        self.hold = asyncio.Event()
        self.hold.set()
        self.jobs: list[FakeJob] = []
        self.handles: dict[str, Structure] = {}
        self.full = False
        self.running = "running"
        self.updates: list[tuple[str, str]] = []

    async def start(self) -> None: ...

    async def stop(self, grace: float) -> None: ...

    def submit(self, work: Work, client: str) -> FakeJob:
        if self.full:
            raise QueueFullError("full", 3.2)
        if work.model not in (None, "fast"):
            raise UnknownModelError(f"There is no model {work.model}.")
        if isinstance(work, DensityWork) and isinstance(work.structure, str) and work.structure not in self.handles:
            raise UnknownHandleError
        job = FakeJob(f"job-{len(self.jobs)}", work, client, self.hold)
        self.jobs.append(job)
        return job

    def keep(self, structure: Structure) -> str:
        self.handles[structure.key] = structure
        return structure.key

    def job(self, id: str) -> FakeJob | None:
        return next((job for job in self.jobs if job.id == id), None)

    async def update_model(self, name: str, path: str) -> ModelInfo:
        if "bad" in path:
            raise InputError(f"{path} is not a model file.")
        self.updates.append((name, path))
        return self.models()[0]

    def models(self) -> list[ModelInfo]:
        return [ModelInfo("fast", "/secret/fast.safetensors", HASH, "density", ("H", "O"), 4.0, 0.2, compiled=True)]

    def state(self) -> SchedulerState:
        return SchedulerState(self.running, "cpu", "default", queued=2, served={"done": 5}, batches={"potential": 1})
