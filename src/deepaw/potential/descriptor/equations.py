"""Training by the equations: rows from the vectors of pairs, forces by differentiating them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from deepaw.potential.descriptor.kernel import Geometry, TrainingKernel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.table import NeighbourTable


class DescribingPart(Protocol):
    """A descriptor, by its equations."""

    @property
    def __call__(self) -> Callable[[Environment], Tensor]:
        """Rows (natoms, width)."""

    @property
    def with_vectors(self) -> Callable[[Environment], tuple[Tensor, Tensor]]:
        """Rows and vectors (natoms, channels, 3)."""


@dataclass(frozen=True)
class PairVectors(Geometry):
    """Vectors of the pairs of a table, the variables (3, npairs)."""

    table: NeighbourTable

    @property
    def variables(self) -> Tensor:
        return self.table.vector


@dataclass(frozen=True)
class EquationKernel(TrainingKernel[PairVectors]):
    """For every descriptor: its `forward`, differentiated for forces, and again for the gradient of a loss on them."""

    max_atoms: int | None = None

    def prepare(self, part: DescribingPart, table: NeighbourTable) -> PairVectors:
        return PairVectors(table)

    def rows(
        self, part: DescribingPart, geometry: PairVectors, variables: Tensor, counts: Sequence[int]
    ) -> list[Tensor]:
        rows = part(geometry.table.environment(variables))
        return list(rows[: geometry.table.natoms].split(list(counts)))

    def rows_and_vectors(
        self, part: DescribingPart, geometry: PairVectors, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        rows, vectors = part.with_vectors(geometry.table.environment(variables))
        by_type = (values[: geometry.table.natoms].split(list(counts)) for values in (rows, vectors))
        return list(zip(*by_type, strict=True))

    def grad_vector(self, geometry: PairVectors, gradient: Tensor) -> Tensor:
        return gradient
