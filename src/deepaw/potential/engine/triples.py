"""Kernel of three-body descriptors: moments of a basis of dot products, and their vector-Jacobian product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.descriptor.se_e3 import COLUMNS, SeE3
from deepaw.potential.engine.folding import polynomials_needed
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.precision import Budget
from deepaw.potential.neighbours.slots import Slots, make_slots
from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.spectral.product import ProductBasis

LARGEST_ROWS = 64
"""Largest number of rows of the table of polynomials; if more are needed, the equations are used instead."""


@dataclass(frozen=True)
class SavedForBackward:
    """Neighbours of a tile in slots: as in `deepaw.potential.descriptor.triples`.

    unit: (3, n, slots). ratio, bend: (n, slots). rows: of each type, (n, 3, slots), empty for excluded types.
    """

    slots: Slots
    unit: Tensor
    ratio: Tensor
    bend: Tensor
    rows: list[Tensor]


class TripleKernel(Kernel):
    """Moments of a basis of dot products; features are the descriptor itself."""

    def __init__(self, part: SeE3, kind: int, basis: DotBasis, weights: Tensor, dtype: torch.dtype) -> None:
        self.part, self.basis = part, basis
        C = part.coefficients(basis)
        self._shape = C.shape[:2]
        self._coefficients = C.flatten(0, 1).to(dtype)
        self._coefficients_transposed = self._coefficients.T.contiguous()
        self._scale = (1 / part.dstd[kind, 1:]).to(dtype)[:, None, None]
        self._excluded = part.excluded[kind].tolist()
        self.weights = weights
        self.size = FoldSize(basis.product.size, part.width, part.width, part.width)

    def forward(self, table: NeighbourTable) -> tuple[Tensor, SavedForBackward]:
        config = self.part.config
        slots = make_slots(table, 2 * config.rcut)
        distance = slots.distance
        reach = distance + config.env_protection if config.env_protection else distance
        w = switch(distance, config.rcut_smth, config.rcut)
        dw = switch_derivative(distance, config.rcut_smth, config.rcut)
        ratio = w / reach**2
        bend = distance * (dw / reach**2 - 2 * ratio / reach)
        all_rows = (slots.vector * ratio * self._scale).transpose(0, 1)
        rows = [
            rows_of_type[:, :, :0] if excluded else rows_of_type
            for rows_of_type, excluded in zip(all_rows.split(slots.widths, dim=2), self._excluded, strict=True)
        ]
        S = self.basis.moments(rows)
        saved = SavedForBackward(slots, slots.vector / distance, ratio, bend, rows)
        return S.flatten(1) @ self._coefficients, saved

    def backward(self, grad_features: Tensor, saved: SavedForBackward, grad_vectors: Tensor | None = None) -> Tensor:
        """Compute dE/dr = bend (u . e) e + h u with u = dE/dR / dstd."""
        grad_S = (grad_features @ self._coefficients_transposed).view(-1, *self._shape)
        parts = [
            grad_features.new_zeros(len(grad_features), 3, width) if excluded else grad_rows
            for grad_rows, excluded, width in zip(
                self.basis.gradient(saved.rows, grad_S), self._excluded, saved.slots.widths, strict=True
            )
        ]
        u = torch.cat(parts, dim=2).transpose(0, 1) * self._scale
        along = (u * saved.unit).sum(0).mul_(saved.bend)
        return saved.slots.to_pairs(torch.addcmul(saved.unit * along, u, saved.ratio))


def triple_kernels(part: SeE3, shortest: float, weights: Sequence[Tensor], budget: Budget) -> list[Kernel] | None:
    """Return a kernel for each type of centre: `deepaw.potential.engine.registry`."""
    largest = part.largest_dot(shortest)
    largest_basis = DotBasis(largest, ProductBasis(LARGEST_ROWS, COLUMNS))
    with torch.no_grad():
        needed = polynomials_needed(part.chebyshev(largest_basis), budget.tolerance)
    if needed > 0.9 * largest_basis.product.size:
        return None
    basis = DotBasis(largest, ProductBasis(max(1, -(-needed // COLUMNS)), COLUMNS))
    return [TripleKernel(part, kind, basis, kind_weights, budget.dtype) for kind, kind_weights in enumerate(weights)]
