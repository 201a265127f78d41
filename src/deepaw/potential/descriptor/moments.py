"""Training in the spectral form: embedding nets run on the nodes of a basis, not for every pair.

With Chebyshev polynomials T_k of s, embedding nets are G(s) = T(s) C, and a descriptor depends on the neighbours of
type t only through the moment B_t = R^T T, (components, K), from the pair operator: `docs/spectral.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from deepaw.potential.descriptor.kernel import Geometry, TrainingKernel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.choice import make_operator
from deepaw.potential.pairs.forces import pair_gradient
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.operator import PairOperator
from deepaw.spectral import ChebyshevBasis


class SpectralPart(Protocol):
    """A descriptor whose embedding nets enter by their coefficients on a basis."""

    @property
    def dtype(self) -> torch.dtype:
        """Numbers of the nets."""

    @property
    def width(self) -> int:
        """Length of a row."""

    def coefficients(self, basis: ChebyshevBasis) -> Tensor:
        """C, (ntypes, groups * K, M), for each type of centre."""

    def contract(self, moments: Tensor, coefficients: Tensor) -> Tensor:
        """Rows from the moments of centres of one type."""

    def contract_with_vectors(self, moments: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and vectors."""

    def with_type(self, D: Tensor, types: Tensor | int) -> Tensor:
        """Rows with the embedding of the centre's type, if there is one."""


@dataclass(frozen=True)
class Moments(Geometry):
    """Moments of the neighbours of some atoms, (natoms, components, groups, K), by an operator."""

    table: NeighbourTable
    operator: PairOperator
    moments: Tensor

    @property
    def variables(self) -> Tensor:
        return self.moments


@dataclass(frozen=True)
class MomentKernel(TrainingKernel[Moments]):
    """Moments of a basis of s, from 0 to the largest that occurs."""

    form: PairForm

    def vector_dtype(self, part: SpectralPart) -> torch.dtype:
        return part.dtype

    def operator(self, dtype: torch.dtype, device: torch.device) -> PairOperator:
        """Pair operator for numbers of a type on a device."""
        return make_operator(self.form, dtype, device)

    def prepare(self, part: SpectralPart, table: NeighbourTable) -> Moments:
        operator = self.operator(table.vector.dtype, table.vector.device)
        return Moments(table, operator, operator.forward(table))

    def rows(self, part: SpectralPart, geometry: Moments, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        by_type = zip(variables.split(list(counts)), part.coefficients(self.form.basis), strict=True)
        return [
            part.with_type(part.contract(B, C), kind) if len(B) else B.new_zeros(0, part.width)
            for kind, (B, C) in enumerate(by_type)
        ]

    def rows_and_vectors(
        self, part: SpectralPart, geometry: Moments, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        by_type = zip(variables.split(list(counts)), part.coefficients(self.form.basis), strict=True)
        described = [part.contract_with_vectors(B, C) for B, C in by_type]
        return [(part.with_type(D, kind), T) for kind, (D, T) in enumerate(described)]

    def grad_vector(self, geometry: Moments, gradient: Tensor) -> Tensor:
        return pair_gradient(geometry.operator, geometry.table, gradient)
