"""The density as a sum of atom-centred multipoles: rho(r) = sum_a sum_lm Y_lm(r_a) sum_k g_lk(|r_a|) c[a, lk, m].

It is the probe network's message sum with one output and no gate: linear in the coefficients, so a point costs a few
thousand multiply-adds. A radial function of degree l has 2 l + 1 coefficients; per atom they lie flat, degree after
degree, radial function after radial function: (sum_l counts[l] (2 l + 1)).
"""

from __future__ import annotations

import torch
from torch import Tensor

from deepaw.density.model.splines import SplineConfig, spline_values
from deepaw.equivariant import spherical_harmonics


def coefficient_count(splines: SplineConfig) -> int:
    """Coefficients an atom."""
    return sum(count * (2 * degree + 1) for degree, count in enumerate(splines.counts))


def by_degree(splines: SplineConfig, coefficients: Tensor) -> list[Tensor]:
    """(natoms, coefficient_count) -> for every degree (natoms, counts[l], 2 l + 1)."""
    sizes = [count * (2 * degree + 1) for degree, count in enumerate(splines.counts)]
    blocks = coefficients.split(sizes, dim=-1)
    return [block.unflatten(-1, (splines.counts[degree], 2 * degree + 1)) for degree, block in enumerate(blocks)]


def density_of_pairs(splines: SplineConfig, coefficients: Tensor, atom: Tensor, vectors: Tensor) -> Tensor:
    """What each pair of an atom and a point adds to the density there: the equation above, pair by pair.

    Args:
        splines: the radial functions.
        coefficients: (natoms, coefficient_count).
        atom: (npairs,) int64.
        vectors: (npairs, 3), A, from the atom to the point.

    Returns:
        (npairs,), e/A^3.
    """
    radial = spline_values(splines, vectors.norm(dim=-1)).split(list(splines.counts), dim=-1)
    angular = spherical_harmonics(splines.lmax, vectors)
    total = vectors.new_zeros(len(vectors))
    for degree, block in enumerate(by_degree(splines, coefficients)):
        harmonics = angular[:, degree**2 : (degree + 1) ** 2]
        total = total + torch.einsum("pk,pm,pkm->p", radial[degree], harmonics, block[atom])
    return total


def density_of_grouped_pairs(splines: SplineConfig, coefficients: Tensor, radial: Tensor, angular: Tensor) -> Tensor:
    """The same for pairs grouped by atom, differentiable in the coefficients: a few dense products.

    Args:
        splines: the radial functions.
        coefficients: (natoms, coefficient_count).
        radial: (natoms, npairs, splines.size), zero where there is no pair.
        angular: (natoms, npairs, (lmax + 1)^2).

    Returns:
        (natoms, npairs), e/A^3.
    """
    functions = radial.split(list(splines.counts), dim=-1)
    profiles = [functions[degree] @ block for degree, block in enumerate(by_degree(splines, coefficients))]
    return (torch.cat(profiles, dim=-1) * angular).sum(dim=-1)


def radial_profiles(splines: SplineConfig, functions: Tensor, coefficients: Tensor) -> Tensor:
    """f[a, r, lm] = sum_k g_lk(r) c[a, lk, m] at some radii: (natoms, nradii, (lmax + 1)^2).

    functions: (nradii, splines.size), the g_lk there. A pair of atom and point then needs no radial function any more,
    only a row of this table.
    """
    blocks = by_degree(splines, coefficients)
    parts = functions.split(list(splines.counts), dim=-1)
    return torch.cat([part @ block for part, block in zip(parts, blocks, strict=True)], dim=-1)
