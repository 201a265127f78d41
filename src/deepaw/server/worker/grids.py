"""A density on a grid, in pieces of time and, where it is large, of the grid."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.density.engine.interruptible import GridEvaluation
from deepaw.density.occupancies.predicted import predicted_occupancies
from deepaw.structure.checks import check_box

SLAB_POINTS, FIRST_POINTS = 4_000_000, 250_000
"""Of a grid that is streamed: held at once at most, and in the first slab about."""

SLAB_SECONDS = 1.0
"""That a slab takes about: so often whoever takes the stream hears of it, and may go away."""


@dataclass
class OpenGrid:
    """What is left to do of a grid.

    stream: give slabs of rows, as they are, instead of the whole, scaled. occupancies: at the end also the blocks of a
    CHGCAR. elapsed: seconds that it has taken.

    Raises InputError: a cell without volume.
    """

    engine: InferenceEngine
    prepared: PreparedStructure
    shape: tuple[int, int, int]
    raw: bool
    stream: bool
    occupancies: bool
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        check_box(self.prepared.atoms, "The structure")
        self.points = int(np.prod(self.shape))
        self._plane = self.shape[1] * self.shape[2]
        self._rows = slice(0, 0)
        """Of the slab that is worked on."""
        self._current: GridEvaluation | None = None
        self._before = 0
        self._sum = 0.0
        self._seconds = 0.0
        self._whole = not self.stream

    def advance(self, goes_on: Callable[[], bool]) -> dict[str, Any]:
        """Until a slab is done or `goes_on` says no.

        done, total: points. offset, values: of a slab that is done. At the end also what `DensityAnswer` holds.
        """
        start = time.perf_counter()
        evaluation = self._current = self._current or self._begun()
        evaluation.run(goes_on)
        self._seconds += time.perf_counter() - start
        reply: dict[str, Any] = {"values": None, "answer": None}
        if evaluation.done == evaluation.total:
            self._before += evaluation.done
            self._current = None
            values = evaluation.values()
            self._sum += float(values[:, 0].sum(dtype=np.float64))
            summary = self._summary() if self._rows.stop == self.shape[0] else None
            if self.stream:
                reply |= {"offset": self._rows.start * self._plane, "values": _flat(values)}
            elif summary is not None:
                values[:, 0] *= np.float32(summary["scale"])
                reply |= {"offset": 0, "values": _flat(values)}
            reply["answer"] = summary
        self.elapsed += time.perf_counter() - start
        if reply["answer"] is not None:
            reply["answer"]["elapsed"] = self.elapsed
        running = 0 if self._current is None else self._current.done
        reply |= {"done": self._before + running, "total": evaluation.total if self._whole else self.points}
        return reply

    def _begun(self) -> GridEvaluation:
        """The next slab. What is small and has symmetry is one slab, since few of its points need be evaluated."""
        if self._rows.stop == 0 and (self._whole or self.points <= SLAB_POINTS):
            whole = GridEvaluation(self.prepared, self.shape)
            self._whole = self._whole or whole.total < self.points
            if self._whole:
                self._rows = slice(0, self.shape[0])
                return whole
        first = self._rows.stop
        in_time = SLAB_SECONDS * self._before / self._seconds if self._before else 0.0
        rows = max(1, int(min(max(in_time, FIRST_POINTS), SLAB_POINTS)) // self._plane)
        self._rows = slice(first, min(first + rows, self.shape[0]))
        return GridEvaluation(self.prepared, self.shape, self._rows)

    def _summary(self) -> dict[str, Any]:
        electrons = self._sum * self.prepared.atoms.cell.volume / self.points
        exact, scale = self.engine.scale(self.prepared.atoms, electrons, self.raw)
        return {
            "points_evaluated": self._before,
            "electrons_predicted": float(electrons),
            "electrons_exact": exact,
            "scale": float(scale),
            "outside_training": list(self.engine.outside_training(self.prepared.atoms, float(electrons), self.shape)),
            "occupancies": self._predicted_occupancies() if self.occupancies else None,
        }

    def _predicted_occupancies(self) -> dict[str, Any] | None:
        known, atoms = self.engine.model.occupancies, self.prepared.atoms
        if known is None:
            return None
        return predicted_occupancies(list(atoms.symbols), self.engine.occupancies(atoms), known).message()


def _flat(values: np.ndarray) -> np.ndarray:
    """(n,), or (n, 2) with spin."""
    return values[:, 0] if values.shape[1] == 1 else values
