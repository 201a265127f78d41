"""Energy of Gaussian charges in a periodic cell: the reciprocal part of the Ewald sum (Ewald, Annalen der Physik 369,
253, 1921; eq. 5 of Zhang et al., J. Chem. Phys. 156, 124107, 2022).

    E = C / (2 pi V) sum_{m != 0} exp(-(pi m / beta)^2) / m^2 |S(m)|^2,     S(m) = sum_n q_n exp(2 pi i m . r_n)

over reciprocal vectors m = m_1 b_1 + m_2 b_2 + m_3 b_3, b_d . a_d' = delta_dd', with integers |m_d| <= K_d / 2, where
K_d is the length of a_d over `spacing`, rounded up to an even number. C = 1 / (4 pi eps_0).

As in DeePMD-kit, E includes the self-energy of each charge, C beta / sqrt(pi) q^2, which does not contribute to forces.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi

import torch
from torch import Tensor

COULOMB = 14.39964535475696995031
"""C, eV A for charges in units of e, with the digits of DeePMD-kit."""

CHUNK = 2**22
"""Complex numbers (64 MiB) of the largest temporary array."""


@dataclass(frozen=True)
class EwaldSum:
    """Ewald energy and its derivatives.

    energy: (), eV. force: on every charge, (n, 3), eV/A. virial: -dE/d(strain) with charges that move with the strain,
    (3, 3), eV.
    """

    energy: Tensor
    force: Tensor
    virial: Tensor


@dataclass(frozen=True)
class ReciprocalGrid:
    """Reciprocal vectors m with m_1 >= 0, and their weights; the other half follows from |S(-m)|^2 = |S(m)|^2.

    inverse: of the cell, (3, 3), 1/A.
    m_max: K_d / 2 for each axis.
    weight: exp(-(pi m / beta)^2) / m^2, twice that for m_1 > 0, 0 at m = 0, (1 + K_1 / 2, 1 + K_2, 1 + K_3), A^2.
    log_slope: -2 d(ln weight)/d(m^2), shape of `weight`, A^2.
    vectors: m, (1 + K_1 / 2, 1 + K_2, 1 + K_3, 3), 1/A.
    factor: C / (2 pi V), eV/A^2.
    """

    inverse: Tensor
    m_max: tuple[int, int, int]
    weight: Tensor
    log_slope: Tensor
    vectors: Tensor
    factor: float


def reciprocal_grid(cell: Tensor, beta: float, spacing: float) -> ReciprocalGrid:
    """Return the reciprocal grid of a cell (3, 3), A, float64, rows are vectors. beta: 1/A. spacing: A."""
    m_max = [ceil(ceil(float(length) / spacing) / 2) for length in torch.linalg.vector_norm(cell, dim=1)]
    inverse = torch.linalg.inv(cell)
    indices = [torch.arange(0, m_max[0] + 1), *(torch.arange(-size, size + 1) for size in m_max[1:])]
    grid = torch.stack(torch.meshgrid(*indices, indexing="ij"), dim=-1).to(cell)
    vectors = grid @ inverse.T
    square = vectors.square().sum(-1)
    square[0, m_max[1], m_max[2]] = 1
    weight = torch.exp(-((pi / beta) ** 2) * square) / square
    weight[1:] *= 2
    weight[0, m_max[1], m_max[2]] = 0
    log_slope = 2 * ((pi / beta) ** 2 + 1 / square)
    factor = COULOMB / (2 * pi * float(torch.linalg.det(cell).abs()))
    return ReciprocalGrid(inverse, (m_max[0], m_max[1], m_max[2]), weight, log_slope, vectors, factor)


def ewald_energy(sites: Tensor, charges: Tensor, cell: Tensor, beta: float, spacing: float) -> Tensor:
    """Compute E (), eV, directly from the equation: the reference, with an array of n times the reciprocal vectors.

    Differentiable in sites (n, 3), A, and charges (n,), e. cell: (3, 3), A. beta: 1/A. spacing: A.
    """
    grid = reciprocal_grid(cell, beta, spacing)
    phase = 2 * pi * sites @ grid.vectors.reshape(-1, 3).T
    S = (charges[:, None] * torch.polar(torch.ones_like(phase), phase)).sum(0)
    return grid.factor * (grid.weight.reshape(-1) * (S.real**2 + S.imag**2)).sum()


@torch.no_grad()
def ewald_sum(sites: Tensor, charges: Tensor, cell: Tensor, beta: float, spacing: float) -> EwaldSum:
    """Compute E with forces and virial by matrix products: exp(2 pi i m . r) factorizes over the three axes.

    All float64. sites: (n, 3), A, inside the cell or not. charges: (n,), e. cell: (3, 3), A. beta: 1/A. spacing: A.
    """
    grid = reciprocal_grid(cell, beta, spacing)
    shape = grid.weight.shape
    chunks = torch.arange(len(sites), device=sites.device).split(max(1, CHUNK // (shape[1] * shape[2])))
    S = torch.zeros(shape[0], shape[1] * shape[2], dtype=torch.complex128, device=sites.device)
    for rows in chunks:
        A, B, C = _phases(sites[rows] @ grid.inverse, grid.m_max)
        S += (charges[rows, None] * A).T @ (B[:, :, None] * C[:, None, :]).flatten(1)
    terms = grid.weight * (S.real**2 + S.imag**2).view(shape)
    energy = grid.factor * terms.sum()
    m = grid.vectors.reshape(-1, 3)
    virial_weight = (terms * grid.log_slope).reshape(-1, 1)
    virial = energy * torch.eye(3).to(m) - grid.factor * (virial_weight * m).T @ m
    P = grid.weight.flatten(1) * S.conj()
    force = torch.cat([_forces(sites[rows] @ grid.inverse, charges[rows], P, grid) for rows in chunks])
    return EwaldSum(energy, force, virial)


def _phases(fractional: Tensor, m_max: tuple[int, int, int]) -> list[Tensor]:
    """Return exp(2 pi i m_d s_d) for each axis: (n, 1 + K_1 / 2) for the first, with m_1 >= 0, (n, 1 + K_d) for others.

    fractional: coordinates s, (n, 3).
    """
    phases = []
    for axis, size in enumerate(m_max):
        m = torch.arange(-size if axis else 0, size + 1).to(fractional)
        phase = 2 * pi * fractional[:, axis : axis + 1] * m
        phases.append(torch.polar(torch.ones_like(phase), phase))
    return phases


def _forces(fractional: Tensor, charges: Tensor, P: Tensor, grid: ReciprocalGrid) -> Tensor:
    """Return forces (n, 3), eV/A, on charges (n,) at fractional coordinates (n, 3); P: weight times conj(S)."""
    A, B, C = _phases(fractional, grid.m_max)
    n, (max1, max2, max3) = len(A), grid.m_max
    indices = torch.arange(0, max1 + 1), torch.arange(-max2, max2 + 1), torch.arange(-max3, max3 + 1)
    m1, m2, m3 = (index.to(fractional) for index in indices)
    X, X1 = ((factor @ P).view(n, B.shape[1], C.shape[1]) for factor in (A, A * m1))
    XC = torch.bmm(X, torch.stack([C, C * m3], dim=2))
    # d/ds_d of the sum over m, divided by 2 pi i
    derivatives = [
        (B * (X1 @ C[:, :, None])[:, :, 0]).sum(1),
        (B * m2 * XC[:, :, 0]).sum(1),
        (B * XC[:, :, 1]).sum(1),
    ]
    grad_fractional = -4 * pi * grid.factor * charges[:, None] * torch.stack(derivatives, dim=1).imag
    return -grad_fractional @ grid.inverse.T
