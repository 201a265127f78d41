"""A structure whose atoms have been worked on once: any number of points of it cost only the points."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.engine.interruptible import Block, GridEvaluation
from deepaw.density.engine.threads import map_in_threads
from deepaw.density.engine.tiles import Surroundings, Tile, TileSize, grid_blocks, grid_points, point_blocks
from deepaw.errors import InputError
from deepaw.modelsource import copied

BLOCK_POINTS = 4_000_000
"""Points of a streamed block, about: 16 MB."""

Progress = Callable[[int, int], None]


class Evaluator(Protocol):
    """Turns a structure into its part, once, and a part into the density at the points of a tile."""

    cutoff: float
    outputs: int
    invariant: bool
    tile_size: TileSize

    def prepare(self, atoms: Atoms) -> Any:
        """Everything that depends on the atoms only; has `nbytes`."""

    def evaluate(self, part: Any, tile: Tile) -> Tensor:
        """(n, outputs), e/A^3."""


class Preparing(Protocol):
    """Engine that makes a `PreparedStructure`."""

    def prepare(self, atoms: Atoms) -> PreparedStructure:
        """Do the atoms' part of a structure."""


class PreparedStructure:
    """The atoms' part of a structure, for all evaluators whose densities add up to the model's.

    engine: what these belong to, which prepares the structure again when it is pickled. Copies share the atoms' part.
    """

    def __init__(self, atoms: Atoms, evaluators: Sequence[Evaluator], engine: Preparing | None = None) -> None:
        self.atoms = atoms
        self._engine = engine
        self._evaluators = evaluators
        self._parts = [evaluator.prepare(atoms) for evaluator in evaluators]
        self.outputs = max(evaluator.outputs for evaluator in evaluators)
        self.invariant = all(evaluator.invariant for evaluator in evaluators)
        self.tile_size = min((evaluator.tile_size for evaluator in evaluators), key=lambda size: size.extent)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._engine is None:
            raise InputError("This structure was not prepared by an engine, so it cannot be pickled; prepare it again.")
        return self._engine.prepare, (self.atoms,)

    def __copy__(self) -> Self:
        return copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    @property
    def nbytes(self) -> int:
        """Memory that the atoms' part takes at the moment; some models let it grow while points are evaluated."""
        return sum(int(part.nbytes) for part in self._parts)

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """The density at points (n, 3) in A, anywhere in space: (n,), or (n, 2) with spin (total, magnetisation)."""
        values = np.empty((len(points), self.outputs), dtype=np.float32)
        for (index, _), value in self.evaluate(
            (group, points[group]) for group in point_blocks(points, self.tile_size)
        ):
            values[index] = value
        return values[:, 0] if self.outputs == 1 else values

    def grid(self, shape: tuple[int, int, int]) -> NDArray[np.float32]:
        """The density, not scaled, on a grid: (nx, ny, nz), or (nx, ny, nz, 2) with spin (total, magnetisation)."""
        values, _ = self.evaluate_grid(shape)
        return values[..., 0] if self.outputs == 1 else values

    def evaluate_grid(
        self, shape: tuple[int, int, int], progress: Progress | None = None, symmetry: bool = True
    ) -> tuple[NDArray[np.float32], int]:
        """The density on a grid, (nx, ny, nz, outputs), and how many points the network was asked for.

        With `symmetry` one point of every orbit of the space group is evaluated; a structure without any loses nothing.
        """
        evaluation = GridEvaluation(self, shape, symmetry=symmetry)
        evaluation.run(progress=progress)
        return evaluation.values().reshape(*shape, self.outputs), evaluation.total

    def blocks(self, shape: tuple[int, int, int], progress: Progress | None = None) -> Iterator[NDArray[np.float32]]:
        """The density as arrays (nx, ny, n, outputs) that follow one another along the third cell vector.

        Memory does not grow with the grid: a block holds about `BLOCK_POINTS` points.
        """
        plane = shape[0] * shape[1]
        step = max(1, BLOCK_POINTS // plane)
        for start in range(0, shape[2], step):
            planes = slice(start, min(start + step, shape[2]))
            values = np.empty((plane * (planes.stop - start), self.outputs), dtype=np.float32)
            self._fill(values, shape, planes, plane * start, progress)
            yield values.reshape(shape[0], shape[1], -1, self.outputs)

    def _fill(
        self,
        values: NDArray[np.float32],
        shape: tuple[int, int, int],
        planes: slice,
        done: int,
        progress: Progress | None,
    ) -> None:
        """Write the planes of a grid into `values`, (points of the planes, outputs), z fastest."""
        cell, thickness = self.atoms.cell.array, planes.stop - planes.start
        blocks = (
            (index, grid_points(cell, shape, index)) for index in grid_blocks(cell, shape, planes, self.tile_size)
        )
        for (index, _), value in self.evaluate(blocks):
            column, z = np.divmod(index, shape[2])
            values[column * thickness + z - planes.start] = value
            done += len(index)
            if progress is not None:
                progress(done, int(np.prod(shape)))

    def evaluate(
        self, blocks: Iterable[Block], may_begin: Callable[[], bool] | None = None
    ) -> Iterator[tuple[Block, NDArray[np.float32] | None]]:
        """The density (n, outputs) of every block of points; None of those for which `may_begin` said no."""

        def evaluate(block: Block) -> tuple[Block, Tensor | None]:
            if may_begin is not None and not may_begin():
                return block, None
            total: Tensor | None = None
            for evaluator, part in zip(self._evaluators, self._parts, strict=True):
                value = evaluator.evaluate(part, self._around[evaluator.cutoff].tile(block[1]))
                if total is None:
                    total = value
                else:
                    total[:, : value.shape[1]] += value
            return block, total

        for block, value in map_in_threads(evaluate, blocks):
            yield block, None if value is None else value.float().cpu().numpy()

    @cached_property
    def _around(self) -> dict[float, Surroundings]:
        return {evaluator.cutoff: Surroundings(self.atoms, evaluator.cutoff) for evaluator in self._evaluators}
