"""What the rest of the server knows of the scheduler: work that is given to it, answers, errors, and what it can do."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from deepaw.server.scheduler.frames import PotentialAnswer, PotentialWork, TensorAnswer, TensorWork
from deepaw.server.scheduler.state import SchedulerState

Shape = tuple[int, int, int]

ModelKind = Literal["density", "potential", "dipole", "polar"]
"""What a model predicts."""


@dataclass(frozen=True, eq=False)
class Structure:
    """numbers: (natoms,) int64, atomic. positions: (natoms, 3) float64, A. cell: (3, 3) float64, A, rows are vectors,
    zero where there is none. pbc: (3,) bool.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]

    @cached_property
    def key(self) -> str:
        """Of its content: structures of one key are the same to the last bit."""
        parts = (
            np.ascontiguousarray(self.numbers, dtype="<i8"),
            np.ascontiguousarray(self.positions, dtype="<f8"),
            np.ascontiguousarray(self.cell, dtype="<f8"),
            np.ascontiguousarray(self.pbc, dtype="?"),
        )
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part.nbytes.to_bytes(8, "little"))
            digest.update(part.tobytes())
        return digest.hexdigest()[:32]

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes + self.positions.nbytes + self.cell.nbytes + self.pbc.nbytes


@dataclass(frozen=True, eq=False)
class DensityWork:
    """A density on a grid, or at points: one of the two is given.

    structure: or the handle of one that `Scheduler.keep` gave. points: (n, 3) float64, A, anywhere in space.
    model: a name of `Scheduler.models()`; None for the only one, or the first one, of densities.
    raw: keep the number of electrons as predicted. stream: of a grid, for `Job.tiles`; memory does not grow with it.
    occupancies: with a grid also the blocks of PAW occupancies of a CHGCAR.
    """

    structure: Structure | str
    grid_shape: Shape | None = None
    points: NDArray[np.float64] | None = None
    model: str | None = None
    raw: bool = False
    stream: bool = False
    occupancies: bool = False


Work = DensityWork | PotentialWork | TensorWork


@dataclass(frozen=True, eq=False, kw_only=True)
class DensityAnswer:
    """model: SHA-256 of the file of the model that gave it. elapsed: seconds in the engine.

    values: float32, e/A^3, (nx, ny, nz) or (n,); with spin another axis of 2 behind (total, magnetisation); None of
    work with `stream`, which gives them as tiles. points_evaluated: the rest follow by symmetry.
    Of grids: electrons_predicted, the integral before scaling; electrons_exact, what the valence of the elements adds
    up to, where the model knows it; scale, what the density was multiplied by; outside_training, what of the structure
    or its electrons lies outside the model's training data, a phrase each; occupancies, where they were asked for and
    the model knows any, the fields of `PredictedOccupancies` with the text of the blocks. Tiles are not scaled.
    """

    model: str
    elapsed: float
    values: NDArray[np.float32] | None
    points_evaluated: int
    electrons_predicted: float | None = None
    electrons_exact: float | None = None
    scale: float = 1.0
    outside_training: Sequence[str] = ()
    occupancies: Mapping[str, Any] | None = None


Answer = DensityAnswer | PotentialAnswer | TensorAnswer


@dataclass(frozen=True, eq=False)
class Tile:
    """Part of a grid in C order: values, (n,) or (n, 2) float32, of the points offset ... offset + n - 1."""

    offset: int
    values: NDArray[np.float32]


JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class Job(Protocol):
    """Work that was taken. Cancelled or done, it is forgotten when nobody holds it."""

    id: str
    client: str
    work: Work

    @property
    def state(self) -> JobState: ...

    @property
    def progress(self) -> tuple[int, int]:
        """Points or atoms done, and all of them."""

    async def result(self) -> Answer:
        """Waits for it. May be awaited by several.

        Raises InputError: the work itself is wrong (an element that the model does not know, two atoms on one spot);
        JobCancelledError, WorkerLostError, OutOfMemoryError, EvaluationError.
        """

    def tiles(self) -> AsyncIterator[Tile]:
        """Of work with `stream`, once: tiles in order; the evaluation goes on as they are taken. Raises as `result`."""

    def cancel(self) -> None:
        """At the next tile, if it runs; nothing if it is done."""


class QueueFullError(Exception):
    """Too much is waiting. retry_after: seconds, about."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnknownHandleError(Exception):
    """No structure of this handle is kept; it may have been given up for others."""


class UnknownModelError(Exception):
    """No model of this name, or none of the kind that the work needs."""


class JobCancelledError(Exception):
    """`Job.cancel` was called, or the scheduler stopped."""


class WorkerLostError(Exception):
    """The process that worked on it ended. Others go on; the same work may be asked for again."""


class OutOfMemoryError(Exception):
    """The device has not enough memory even for the smallest piece of the work."""


class EvaluationError(Exception):
    """Something broke that nobody foresaw; the log has it."""


class NotReadyError(Exception):
    """The scheduler is stopping, or has no worker yet."""


@dataclass(frozen=True)
class ModelInfo:
    """name: as it is asked for. hash: SHA-256 of the file. kind: what it predicts.

    elements: symbols it knows, or names of types in their order. spin: whether densities have two values. compiled:
    whether its engine is; not_compiled: why not, where that was asked for.
    """

    name: str
    path: str
    hash: str
    kind: ModelKind
    elements: tuple[str, ...]
    cutoff: float
    loaded_in: float = 0.0
    spin: bool = False
    numb_fparam: int = 0
    numb_aparam: int = 0
    compiled: bool = False
    not_compiled: str = ""


class Scheduler(Protocol):
    """Everything is called from one event loop."""

    async def start(self) -> None:
        """Returns when the models are loaded and tried. Raises InputError: a model that cannot be."""

    def submit(self, work: Work, client: str) -> Job:
        """client: whoever is to get a fair share.

        Raises QueueFullError, UnknownModelError, UnknownHandleError, NotReadyError.
        """

    def keep(self, structure: Structure) -> str:
        """A handle for a structure; it and its atom part are kept for a while, the least recently used given up."""

    def job(self, id: str) -> Job | None:
        """One that waits, runs, or ended not long ago."""

    async def update_model(self, name: str, path: str) -> ModelInfo:
        """Load, check and try a model beside the one of that name, or as a new one, and swap.

        Work that began on a model ends on it. Raises InputError: it cannot be; the old one stays.
        """

    def models(self) -> list[ModelInfo]: ...

    def state(self) -> SchedulerState: ...

    async def stop(self, grace: float) -> None:
        """Take nothing new, finish what runs within `grace` seconds, cancel the rest, end the workers."""
