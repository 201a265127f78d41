"""The baseline a network corrects: one spherical density per element, fitted to real densities.

Most of a density is a sum of spherical atoms. Fitted rather than computed ones need no free-atom calculation, contain
the average charge transfer, and are what an untrained corner of chemistry falls back to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.density.model.splines import SplineConfig, spline_table

ITERATIONS = 8
FLOOR = 0.02
"""Smallest error, as a fraction of the mean density, that gets a larger weight: keeps the reweighting bounded."""

RIDGE = 1e-5
"""Pull towards zero, relative to the median diagonal of the normal equations: for splines that few points have seen."""


@dataclass(frozen=True)
class RadialSample:
    """Points of one structure, as the spherical fit needs them.

    point (npairs,), species (npairs,), distance (npairs,) in A: every atom image near every point;
    density (npoints,) in e/A^3.
    """

    point: Tensor
    species: Tensor
    distance: Tensor
    density: Tensor


def fit_atoms(samples: Sequence[RadialSample], species: int, splines: SplineConfig) -> Tensor:
    """Spherical densities that minimise the mean over structures of sum |error| / sum |density|.

    Iteratively reweighted least squares (Daubechies et al., Commun. Pure Appl. Math. 63, 1 (2010)) on the splines of
    degree 0.

    Args:
        samples: one per structure.
        species: number of elements; one that no sample contains gets zeros.
        splines: the radial functions; those of degree 0 are fitted.

    Returns:
        (species, splines.counts[0]), float64, coefficients in the splines' units.
    """
    count = splines.counts[0]
    designs = [_design(sample, count, splines) for sample in samples]
    solution = torch.zeros(species * count, dtype=torch.float64)
    for iteration in range(ITERATIONS):
        normal = torch.zeros(species * count, species * count, dtype=torch.float64)
        right = torch.zeros(species * count, dtype=torch.float64)
        for columns, design, density in designs:
            error = (design @ solution[columns] - density).abs()
            mean = density.abs().mean()
            weight = 1 / (error / mean).clamp(min=FLOOR) if iteration else torch.ones_like(error)
            weighted = design.T * (weight / (mean**2 * len(density)))
            normal[columns[:, None], columns] += weighted @ design
            right[columns] += weighted @ density
        diagonal = normal.diagonal()
        seen = diagonal[diagonal > 0]
        ridge = RIDGE * seen.median() if len(seen) else 1.0
        solution = torch.linalg.solve(normal + ridge * torch.eye(len(diagonal), dtype=torch.float64), right)
    return solution.view(species, count)


def _design(sample: RadialSample, count: int, splines: SplineConfig) -> tuple[Tensor, Tensor, Tensor]:
    """The unknowns a structure touches, the matrix from them to its points, the densities."""
    present, local = sample.species.unique(return_inverse=True)
    spherical = SplineConfig((count,), splines.cutoffs[:1], splines.power)
    values = spline_table(spherical, torch.float64)(sample.distance.double())
    design = torch.zeros(len(sample.density) * len(present), count, dtype=torch.float64)
    design.index_add_(0, sample.point * len(present) + local, values)
    columns = (present[:, None] * count + torch.arange(count)).flatten()
    return columns, design.view(len(sample.density), len(present) * count), sample.density.double()
