"""A density on a grid, in pieces of time and, where it is large, of the grid."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.density.engine.interruptible import GridEvaluation
from deepaw.structure.checks import check_box

SLAB_POINTS = 4_000_000
"""Of a grid that is streamed, which are held at once."""


@dataclass
class OpenGrid:
    """What is left to do of a grid.

    stream: give slabs of rows, as they are, instead of the whole, scaled. elapsed: seconds that it has taken.

    Raises InputError: a cell without volume.
    """

    engine: InferenceEngine
    prepared: PreparedStructure
    shape: tuple[int, int, int]
    raw: bool
    stream: bool
    elapsed: float

    def __post_init__(self) -> None:
        check_box(self.prepared.atoms, "The structure")
        self.points = int(np.prod(self.shape))
        plane = self.shape[1] * self.shape[2]
        step = max(1, SLAB_POINTS // plane) if self.stream else self.shape[0]
        self._slabs = [slice(row, min(row + step, self.shape[0])) for row in range(0, self.shape[0], step)]
        self._next = 0
        self._current: GridEvaluation | None = None
        self._before = 0
        self._sum = 0.0

    def advance(self, goes_on: Callable[[], bool]) -> dict[str, Any]:
        """Until a slab is done or `goes_on` says no.

        done, total: points. offset, values: of a slab that is done. At the end also what `DensityAnswer` holds.
        """
        start = time.perf_counter()
        slab = self._slabs[self._next]
        if self._current is None:
            whole = len(self._slabs) == 1
            self._current = GridEvaluation(self.prepared, self.shape, None if whole else slab)
        evaluation = self._current
        evaluation.run(goes_on)
        reply: dict[str, Any] = {"values": None, "answer": None}
        if evaluation.done == evaluation.total:
            self._before += evaluation.done
            values = evaluation.values()
            self._sum += float(values[:, 0].sum(dtype=np.float64))
            self._next, self._current = self._next + 1, None
            summary = self._summary() if self._next == len(self._slabs) else None
            if self.stream:
                reply |= {"offset": slab.start * self.shape[1] * self.shape[2], "values": _flat(values)}
            elif summary is not None:
                values[:, 0] *= np.float32(summary["scale"])
                reply |= {"offset": 0, "values": _flat(values)}
            reply["answer"] = summary
        self.elapsed += time.perf_counter() - start
        if reply["answer"] is not None:
            reply["answer"]["elapsed"] = self.elapsed
        whole_grid = len(self._slabs) == 1
        running = 0 if self._current is None else self._current.done
        reply |= {"done": self._before + running, "total": evaluation.total if whole_grid else self.points}
        return reply

    def _summary(self) -> dict[str, Any]:
        electrons = self._sum * self.prepared.atoms.cell.volume / self.points
        exact, scale = self.engine.scale(self.prepared.atoms, electrons, self.raw)
        return {
            "points_evaluated": self._before,
            "electrons_predicted": float(electrons),
            "electrons_exact": exact,
            "scale": float(scale),
        }


def _flat(values: np.ndarray) -> np.ndarray:
    """(n,), or (n, 2) with spin."""
    return values[:, 0] if values.shape[1] == 1 else values
