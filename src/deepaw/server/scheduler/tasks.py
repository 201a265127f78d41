"""What is left to do of a job: pieces, which orders to a worker are made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from deepaw.server.scheduler.frames import PotentialAnswer, PotentialWork, TensorAnswer, TensorWork
from deepaw.server.scheduler.interface import Answer, DensityAnswer, DensityWork, ModelKind, Structure, Tile, Work
from deepaw.server.scheduler.job import ScheduledJob

Kind = Literal["grid", "points", "frames"]

PIECE_POINTS = 20_000
PIECE_ATOMS = 2_000
"""Of one request that are evaluated before others have their turn; a frame is not cut."""


class Task(ABC):
    """kind: which order works on it. unit: what its size is counted in. left: how much there is still to do."""

    kind: Kind
    unit: Literal["points", "atoms"]
    left: int

    def __init__(self, job: ScheduledJob) -> None:
        self.job = job
        self.worker: object | None = None
        """The only one that can go on with it, once it has begun."""

    @property
    def ready(self) -> bool:
        """Whether there is a point in going on."""
        return True


class GridTask(Task):
    """A density on a grid; the worker knows how far it is."""

    kind: Kind = "grid"
    unit = "points"

    def __init__(self, job: ScheduledJob, work: DensityWork, structure: Structure) -> None:
        super().__init__(job)
        assert work.grid_shape is not None
        self.work, self.structure, self.shape = work, structure, work.grid_shape
        self.left = size_of(work)

    @property
    def ready(self) -> bool:
        return self.job.may_go_on or self.job.ended

    def order(self, seconds: float) -> dict[str, Any]:
        """Arguments of `grid`."""
        return {
            "job": self.job.id,
            "model": self.job.model,
            "structure": _fields(self.structure) if self.worker is None else None,
            "shape": list(self.shape),
            "raw": self.work.raw,
            "stream": self.work.stream,
            "occupancies": self.work.occupancies,
            "seconds": seconds,
        }

    def take(self, reply: Mapping[str, Any]) -> None:
        """What `grid` said."""
        if self.job.ended:
            return
        self.left = reply["total"] - reply["done"]
        self.job.advance(reply["done"], reply["total"])
        values = reply["values"]
        if values is not None and self.work.stream:
            self.job.give(Tile(reply["offset"], values))
        if reply["answer"] is not None:
            whole = None if self.work.stream else values.reshape(*self.shape, *values.shape[1:])
            self.job.finish(DensityAnswer(model=self.job.model, values=whole, **reply["answer"]))


class JoinedTask(Task):
    """Work whose pieces can be joined with those of others."""

    def __init__(self, job: ScheduledJob) -> None:
        super().__init__(job)
        self._found: list[Mapping[str, Any]] = []

    @property
    @abstractmethod
    def next_size(self) -> int:
        """Of the next piece."""

    @abstractmethod
    def piece(self) -> dict[str, Any]:
        """The next one, for the order of its kind."""

    @abstractmethod
    def _answer(self) -> Answer: ...

    def take(self, reply: Mapping[str, Any]) -> None:
        """What was found for the piece."""
        self._found.append(reply)
        self.left -= self.next_size
        _, total = self.job.progress
        self.job.advance(total - self.left, total)
        self._step()
        if self.left == 0:
            self.job.finish(self._answer())

    @abstractmethod
    def _step(self) -> None:
        """On to the next piece."""


class PointsTask(JoinedTask):
    """Densities at points."""

    kind: Kind = "points"
    unit = "points"

    def __init__(self, job: ScheduledJob, work: DensityWork, structure: Structure) -> None:
        super().__init__(job)
        assert work.points is not None
        self._points, self._structure, self._first = work.points, _fields(structure), 0
        self.left = size_of(work)

    @property
    def next_size(self) -> int:
        return min(PIECE_POINTS, len(self._points) - self._first)

    def piece(self) -> dict[str, Any]:
        return {"structure": self._structure, "points": self._points[self._first : self._first + PIECE_POINTS]}

    def _step(self) -> None:
        self._first += PIECE_POINTS

    def _answer(self) -> DensityAnswer:
        return DensityAnswer(
            model=self.job.model,
            elapsed=sum(reply["elapsed"] for reply in self._found),
            values=_joined([reply["values"] for reply in self._found]),
            points_evaluated=len(self._points),
        )


class FramesTask(JoinedTask):
    """Frames of atoms, whatever is asked of them."""

    kind: Kind = "frames"
    unit = "atoms"

    def __init__(self, job: ScheduledJob, work: PotentialWork | TensorWork) -> None:
        super().__init__(job)
        self._work, self._first = work, 0
        self._natoms = work.coord.shape[1]
        self._step_frames = max(1, PIECE_ATOMS // max(1, self._natoms))
        self.left = size_of(work)

    @property
    def next_size(self) -> int:
        return self._natoms * min(self._step_frames, len(self._work.coord) - self._first)

    def piece(self) -> dict[str, Any]:
        work = self._work
        part = slice(self._first, self._first + self._step_frames)
        nframes = len(work.coord)

        def rows(values: np.ndarray | None, axes: int) -> np.ndarray | None:
            """Those of the part, of arrays that have `axes` axes where they have a row for each frame."""
            return values[part] if values is not None and values.ndim == axes and len(values) == nframes else values

        piece = {
            "coord": work.coord[part],
            "cell": rows(work.cell, 3),
            "types": rows(work.types, 2),
            "numbers": work.numbers,
            "fparam": rows(work.fparam, 2),
            "aparam": rows(work.aparam, 3),
            "pbc": list(work.pbc),
            "atomic": work.atomic,
        }
        return {**piece, "derivatives": work.derivatives} if isinstance(work, TensorWork) else piece

    def _step(self) -> None:
        self._first += self._step_frames

    def _answer(self) -> PotentialAnswer | TensorAnswer:
        names = [name for name, values in self._found[0].items() if isinstance(values, np.ndarray)]
        arrays = {name: _joined([reply[name] for reply in self._found]) for name in names}
        elapsed = sum(reply["elapsed"] for reply in self._found)
        if isinstance(self._work, TensorWork):
            return TensorAnswer(model=self.job.model, elapsed=elapsed, kind=self._work.kind, **arrays)
        return PotentialAnswer(model=self.job.model, elapsed=elapsed, **arrays)


def kind_of(work: Work) -> ModelKind:
    """Of the model that it needs."""
    if isinstance(work, TensorWork):
        return work.kind
    return "potential" if isinstance(work, PotentialWork) else "density"


def size_of(work: Work) -> int:
    """Points or atoms."""
    if not isinstance(work, DensityWork):
        return work.coord.shape[0] * work.coord.shape[1]
    if work.points is not None:
        return len(work.points)
    assert work.grid_shape is not None
    return math.prod(work.grid_shape)


def task_of(job: ScheduledJob, structure: Structure | None) -> GridTask | PointsTask | FramesTask:
    """structure: of a density, for one that the work may only name."""
    if not isinstance(job.work, DensityWork):
        return FramesTask(job, job.work)
    assert structure is not None
    return GridTask(job, job.work, structure) if job.work.points is None else PointsTask(job, job.work, structure)


def _fields(structure: Structure) -> dict[str, np.ndarray]:
    return {
        "numbers": structure.numbers,
        "positions": structure.positions,
        "cell": structure.cell,
        "pbc": np.asarray(structure.pbc, dtype=bool),
    }


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
