"""Interface of training kernels: from neighbours to rows of a descriptor, and from gradients of rows to pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from deepaw.potential.neighbours.table import NeighbourTable

GeometryOf = TypeVar("GeometryOf", bound="Geometry")


class Geometry(ABC):
    """Quantities that a kernel computes from the neighbours of a batch of atoms without the weights."""

    @property
    @abstractmethod
    def variables(self) -> Tensor:
        """Variables that rows are functions of, and that the energy is differentiated in."""


class TrainingKernel(ABC, Generic[GeometryOf]):
    """Algorithm that computes the rows of a descriptor in training, for atoms sorted by type; it holds no weights.

    max_atoms: number of atoms whose graph is in memory at a time, or None for all; graphs are rebuilt in `backward`.
    """

    max_atoms: int | None = None

    def vector_dtype(self, part: Any) -> torch.dtype:
        """Return the type of numbers that the kernel takes vectors in."""
        return torch.float64

    @abstractmethod
    def prepare(self, part: Any, table: NeighbourTable) -> GeometryOf:
        """Compute the variables; table: neighbours of the part, with vectors in `vector_dtype`."""

    @abstractmethod
    def rows(self, part: Any, geometry: GeometryOf, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Compute rows (n, width) of the atoms of each type, n = counts[type]; any tensor where that is 0.

        Differentiable in the weights of the part, and twice in the variables, which have the values of
        geometry.variables; once is enough where `grad_vector` does not differentiate rows.
        """

    def rows_and_vectors(
        self, part: Any, geometry: GeometryOf, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        """Compute rows as in `rows`, and vectors (n, channels, 3), for a part that has these."""
        raise NotImplementedError

    @abstractmethod
    def grad_vector(self, geometry: GeometryOf, gradient: Tensor) -> Tensor:
        """Compute dE/dr of every pair, (3, npairs), from dE/d(variables); differentiable in the latter."""
