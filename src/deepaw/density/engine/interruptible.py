"""The density on a grid, worked on for as long as the caller wants at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.engine.orbits import find_orbits
from deepaw.density.engine.tiles import TileSize, grid_blocks, grid_points, point_blocks

Block = tuple[NDArray[np.int64], NDArray[np.float64]]


class Evaluable(Protocol):
    """What is asked of a prepared structure."""

    atoms: Atoms
    outputs: int
    invariant: bool
    tile_size: TileSize

    def evaluate(
        self, blocks: Iterable[Block], may_begin: Callable[[], bool] | None = None
    ) -> Iterator[tuple[Block, NDArray[np.float32] | None]]: ...


class GridEvaluation:
    """A grid, or the rows of it that lie in a range of the first index.

    With `symmetry` one point of every orbit of the space group is evaluated, where all rows are wanted; a structure
    without any loses nothing.

    total, done: points that have to be evaluated, and that have been.
    """

    def __init__(
        self, prepared: Evaluable, shape: tuple[int, int, int], rows: slice | None = None, *, symmetry: bool = True
    ) -> None:
        self._prepared = prepared
        atoms, size = prepared.atoms, prepared.tile_size
        cell = atoms.cell.array
        self._orbits = find_orbits(atoms, shape, prepared.invariant) if symmetry and rows is None else None
        if self._orbits is None:
            first, last, _ = (rows or slice(None)).indices(shape[0])
            start = first * shape[1] * shape[2]
            self.total = (last - first) * shape[1] * shape[2]
            self._blocks: Iterator[Block] = (
                (index - start, grid_points(cell, shape, index))
                for index in grid_blocks(cell, shape, None, size, rows=rows)
            )
        else:
            points = grid_points(cell, shape, self._orbits.representatives)
            self.total = len(points)
            self._blocks = ((group, points[group]) for group in point_blocks(points, size))
        self._values = np.empty((self.total, prepared.outputs), dtype=np.float32)
        self.done = 0

    def run(
        self, goes_on: Callable[[], bool] | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Evaluate all that is left, or until `goes_on` says no, which ends as soon as tiles that were begun are done.

        One tile at least is evaluated. progress: called with (points done, points to do).
        """
        may_begin = None if goes_on is None else _AtLeastOnce(goes_on)
        left: list[Block] = []
        for block, value in self._prepared.evaluate(self._taken(goes_on), may_begin):
            if value is None:
                left.append(block)
                continue
            self._values[block[0]] = value
            self.done += len(block[0])
            if progress is not None:
                progress(self.done, self.total)
        self._blocks = chain(left, self._blocks)

    def _taken(self, goes_on: Callable[[], bool] | None) -> Iterator[Block]:
        for block in self._blocks:
            yield block
            if goes_on is not None and not goes_on():
                return

    def values(self) -> NDArray[np.float32]:
        """(points, outputs) of all points in C order, those that follow by symmetry too; once all is done."""
        return self._values if self._orbits is None else self._values[self._orbits.orbit]


class _AtLeastOnce:
    """Yes for the first time; then whatever `goes_on` says."""

    def __init__(self, goes_on: Callable[[], bool]) -> None:
        self._goes_on = goes_on
        self._asked = False

    def __call__(self) -> bool:
        first, self._asked = not self._asked, True
        return first or self._goes_on()
