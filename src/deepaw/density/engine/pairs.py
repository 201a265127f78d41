"""What a pair of point and atom contributes: harmonics of its direction and a radial basis of its distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.density.engine.features import directions
from deepaw.density.engine.precision import Precision
from deepaw.density.engine.tiles import Tile
from deepaw.equivariant.harmonics import harmonic_components
from deepaw.spectral import ChebyshevBasis, ReducedBasis, Table, reduce_basis

POLYNOMIALS = 96
"""Chebyshev polynomials that radial functions are written in."""


@dataclass(frozen=True)
class RadialFunctions:
    """F functions of a distance as a linear map on a basis: f(r) = basis(r) @ coefficients, (K, F).

    `reduced` is the basis before it was tabulated; None where the basis is Chebyshev's own.
    """

    basis: Callable[[Tensor], Tensor]
    coefficients: Tensor
    reduced: ReducedBasis | None

    @classmethod
    def frozen(
        cls, functions: Callable[[Tensor], Tensor], cutoff: float, precision: Precision, like: Tensor
    ) -> RadialFunctions:
        """Reduced to the precision's tolerance and tabulated; `functions` takes r (n,) float64 to (n, F)."""
        chebyshev = ChebyshevBasis(0.0, cutoff, POLYNOMIALS)
        fitted = chebyshev.fit(functions, device=like.device)
        reduced, coefficients = reduce_basis(chebyshev, fitted, precision.tolerance)
        return cls(tabulated(reduced, cutoff, precision, like), coefficients.to(like), reduced)

    @classmethod
    def trainable(cls, functions: Callable[[Tensor], Tensor], cutoff: float, like: Tensor) -> RadialFunctions:
        """In Chebyshev polynomials, which stay the same while the weights change; gradients pass."""
        chebyshev = ChebyshevBasis(0.0, cutoff, POLYNOMIALS)
        nodes = chebyshev.nodes(torch.float64, like.device).to(like.dtype)
        return cls(lambda r: chebyshev.values(r.clamp(max=cutoff)), chebyshev.coefficients(functions(nodes)), None)


def tabulated(reduced: ReducedBasis, cutoff: float, precision: Precision, like: Tensor) -> Table:
    """A table of a basis, as finely spaced as the precision asks for on the whole of [0, cutoff]."""
    low, high = reduced.chebyshev.low, reduced.chebyshev.high
    intervals = max(1, round(precision.intervals * (high - low) / cutoff))
    return Table.sample(reduced.values, low, high, intervals, like.dtype, like.device)


def pair_geometry(tile: Tile, lmax: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Harmonics (m, n, (lmax + 1)^2) and distances (m, n) in A between the m centres and n points of a tile.

    Differences are taken in float64, results are of the dtype and on the device of `like`.
    """
    vector = tile.points.to(like.device)[None] - tile.centres.to(like.device)[:, None]
    length = vector.norm(dim=-1)
    unit = directions(vector, length).to(like.dtype)
    return torch.stack(harmonic_components(lmax, unit.unbind(-1)), dim=-1), length
