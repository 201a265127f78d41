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


@dataclass(frozen=True)
class GroupedPairs:
    """The pairs of a tile that lie within the cutoff and no others, in one row per atom, padded to the longest.

    atom (a,): the atoms of the cell with any pair; harmonics (a, longest, (lmax + 1)^2); length (a, longest) in A;
    within (a, longest), False where there is padding; point (a, longest), 0 there.
    """

    atom: Tensor
    harmonics: Tensor
    length: Tensor
    within: Tensor
    point: Tensor

    @classmethod
    def of(cls, tile: Tile, cutoff: float, lmax: int, like: Tensor) -> GroupedPairs:
        """For points scattered over a cell, where most pairs of a tile are out of reach."""
        centres, points = tile.centres.to(like.device), tile.points.to(like.device)
        image, point = (torch.cdist(centres, points) <= cutoff).nonzero(as_tuple=True)
        atom, row = tile.atom.to(like.device)[image].unique(return_inverse=True)
        row, order = row.sort(stable=True)
        image, point = image[order], point[order]
        counts = torch.bincount(row, minlength=len(atom))
        longest = int(counts.max()) if len(counts) else 0
        slot = torch.arange(len(row), device=row.device) + row * longest - (counts.cumsum(0) - counts)[row]

        def padded(values: Tensor) -> Tensor:
            result = values.new_zeros(len(atom) * longest, *values.shape[1:])
            result[slot] = values
            return result.view(len(atom), longest, *values.shape[1:])

        vector = points[point] - centres[image]
        length = vector.norm(dim=-1)
        unit = directions(vector, length).to(like.dtype)
        harmonics = torch.stack(harmonic_components(lmax, unit.unbind(-1)), dim=-1)
        within = torch.ones_like(point, dtype=torch.bool)
        return cls(atom, padded(harmonics), padded(length.to(like.dtype)), padded(within), padded(point))


def pair_geometry(tile: Tile, lmax: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Harmonics (m, n, (lmax + 1)^2) and distances (m, n) in A between the m centres and n points of a tile.

    Differences are taken in float64, results are of the dtype and on the device of `like`.
    """
    vector = tile.points.to(like.device)[None] - tile.centres.to(like.device)[:, None]
    length = vector.norm(dim=-1)
    unit = directions(vector, length).to(like.dtype)
    return torch.stack(harmonic_components(lmax, unit.unbind(-1)), dim=-1), length
