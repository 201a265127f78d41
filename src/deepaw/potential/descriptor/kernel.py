"""How training computes a descriptor: from neighbours to rows, and from gradients back to pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from deepaw.potential.neighbours.table import NeighbourTable

GeometryOf = TypeVar("GeometryOf", bound="Geometry")


class Geometry(ABC):
    """What a kernel makes of the neighbours of some atoms before any weights come in."""

    @property
    @abstractmethod
    def variables(self) -> Tensor:
        """What rows are computed from, and the derivative of the energy is taken in."""


class TrainingKernel(ABC, Generic[GeometryOf]):
    """One way to compute the descriptors of one kind, for atoms sorted by type; it holds no weights.

    together: number of atoms whose graph is kept at a time, or None for all; the others' are made anew in `backward`.
    """

    together: int | None = None

    def vector_dtype(self, part: Any) -> torch.dtype:
        """Numbers that the kernel takes vectors in."""
        return torch.float64

    @abstractmethod
    def prepare(self, part: Any, table: NeighbourTable) -> GeometryOf:
        """Compute the variables; table: neighbours that the part sees, in `vector_dtype`."""

    @abstractmethod
    def rows(self, part: Any, geometry: GeometryOf, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Rows (n, width) of the atoms of each type, n = counts[type], (0, width) or anything where that is 0.

        Differentiable in the variables, which have the values of geometry.variables, and in the part's weights; where
        `grad_vector` differentiates no further, once in the variables is enough.
        """

    def rows_and_vectors(
        self, part: Any, geometry: GeometryOf, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        """Rows as in `rows`, and vectors (n, channels, 3) beside them, for a part that has some."""
        raise NotImplementedError

    @abstractmethod
    def grad_vector(self, geometry: GeometryOf, gradient: Tensor) -> Tensor:
        """dE/dr of every pair, (3, npairs), from dE/d(variables), differentiable in it."""
