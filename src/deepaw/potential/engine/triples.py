"""Three-body descriptors in the engine: moments out of vectors, forces out of their gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.descriptor.se_e3 import COLUMNS, SeE3
from deepaw.potential.descriptor.switch import switch, switch_derivative
from deepaw.potential.engine.folding import polynomials_needed
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.precision import Budget
from deepaw.spectral.product import ProductBasis

LARGEST_ROWS = 64
"""Of the table of polynomials; where more are needed the equations take over."""


@dataclass(frozen=True)
class _Kept:
    """What the way back needs of the way there: as in `deepaw.potential.descriptor.triples`."""

    unit: Tensor
    ratio: Tensor
    bend: Tensor
    rows: list[Tensor]
    widths: list[int]


class TripleKernel(Kernel):
    """Moments of a basis of dot products."""

    def __init__(self, part: SeE3, kind: int, basis: DotBasis, weights: Tensor, dtype: torch.dtype) -> None:
        self._config, self._basis = part.config, basis
        C = part.coefficients(basis)
        self._shape = C.shape[:2]
        self._there = C.flatten(0, 1).to(dtype)
        self._back = self._there.T.contiguous()
        self._scale = (1 / part.dstd[kind, 1:]).to(dtype)[:, None, None]
        self._excluded = part.excluded[kind].tolist()
        self.weights = weights
        self.size = FoldSize(basis.product.size, part.width, part.width, part.width)

    def there(self, vector: Tensor, distance: Tensor, widths: list[int], count: Tensor) -> tuple[Tensor, _Kept]:
        """The descriptor itself."""
        config = self._config
        reach = distance + config.env_protection if config.env_protection else distance
        w = switch(distance, config.rcut_smth, config.rcut)
        dw = switch_derivative(distance, config.rcut_smth, config.rcut)
        ratio = w / reach**2
        bend = distance * (dw / reach**2 - 2 * ratio / reach)
        all_rows = (vector * ratio * self._scale).transpose(0, 1)
        rows = [
            of_type[:, :, :0] if excluded else of_type
            for of_type, excluded in zip(all_rows.split(widths, dim=2), self._excluded, strict=True)
        ]
        S = self._basis.moments(rows)
        return S.flatten(1) @ self._there, _Kept(vector / distance, ratio, bend, rows, widths)

    def back(self, gradient: Tensor, kept: _Kept, of_vectors: Tensor | None = None) -> Tensor:
        """bend (u.e) e + h u with u = dE/dR over dstd."""
        of_rows = self._basis.gradient(kept.rows, (gradient @ self._back).view(-1, *self._shape))
        parts = [
            gradient.new_zeros(len(gradient), 3, width) if excluded else of_type
            for of_type, excluded, width in zip(of_rows, self._excluded, kept.widths, strict=True)
        ]
        u = torch.cat(parts, dim=2).transpose(0, 1) * self._scale
        along = (u * kept.unit).sum(0).mul_(kept.bend)
        return torch.addcmul(kept.unit * along, u, kept.ratio)


def triple_kernels(part: SeE3, shortest: float, weights: Sequence[Tensor], budget: Budget) -> list[Kernel] | None:
    """One for each type of centre: `deepaw.potential.engine.registry`."""
    largest = part.largest_dot(shortest)
    all_of_them = DotBasis(largest, ProductBasis(LARGEST_ROWS, COLUMNS))
    with torch.no_grad():
        needed = polynomials_needed(part.chebyshev(all_of_them), budget.tolerance)
    if needed > 0.9 * all_of_them.product.size:
        return None
    basis = DotBasis(largest, ProductBasis(max(1, -(-needed // COLUMNS)), COLUMNS))
    return [TripleKernel(part, kind, basis, of_kind, budget.dtype) for kind, of_kind in enumerate(weights)]
