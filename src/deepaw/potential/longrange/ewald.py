"""The energy of Gaussian charges in a periodic cell: the reciprocal part of the Ewald sum (Ewald, Annalen der Physik
369, 253, 1921; eq. 5 of Zhang et al., J. Chem. Phys. 156, 124107, 2022).

    E = C / (2 pi V) sum_{m != 0} exp(-(pi m / beta)^2) / m^2 |S(m)|^2,     S(m) = sum_n q_n exp(2 pi i m . r_n)

over reciprocal vectors m = m_1 b_1 + m_2 b_2 + m_3 b_3, b_d . a_d' = delta_dd', with whole numbers |m_d| <= K_d / 2,
where K_d is the length of a_d over `spacing`, rounded up to an even number. C = 1 / (4 pi eps_0).

As in DeePMD-kit, the energy of each charge with itself, C beta / sqrt(pi) q^2, is part of it; no force depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi

import torch
from torch import Tensor

COULOMB = 14.39964535475696995031
"""C: eV A for charges in units of e, to the digits that DeePMD-kit has."""

CHUNK = 2**22
"""Complex numbers (64 MiB) that are held at a time."""


@dataclass(frozen=True)
class EwaldSum:
    """energy: (), eV. force: on every charge (n, 3), eV/A. virial: (3, 3), eV, -dE/d(strain) where the charges move
    with the strain."""

    energy: Tensor
    force: Tensor
    virial: Tensor


@dataclass(frozen=True)
class Waves:
    """What depends on the cell alone; half of the waves, as -m has the same |S|^2 as m.

    inverse: of the cell (3, 3), 1/A. largest: K_d / 2 for each axis. vectors: m, (1 + K_1 / 2, 1 + K_2, 1 + K_3, 3),
    1/A, m_1 from 0 on. weight: (1 + K_1 / 2, ...), A^2, exp(-(pi m / beta)^2) / m^2, twice that for m_1 > 0, 0 at
    m = 0. slope: -2 d(ln weight)/d(m^2), A^2. factor: C / (2 pi V), eV/A^2.
    """

    inverse: Tensor
    largest: tuple[int, int, int]
    weight: Tensor
    slope: Tensor
    vectors: Tensor
    factor: float


def waves(cell: Tensor, beta: float, spacing: float) -> Waves:
    """cell: (3, 3), A, float64, rows are vectors. beta: 1/A. spacing: A."""
    largest = [ceil(ceil(float(length) / spacing) / 2) for length in torch.linalg.vector_norm(cell, dim=1)]
    inverse = torch.linalg.inv(cell)
    numbers = [torch.arange(0, largest[0] + 1), *(torch.arange(-size, size + 1) for size in largest[1:])]
    grid = torch.stack(torch.meshgrid(*numbers, indexing="ij"), dim=-1).to(cell)
    vectors = grid @ inverse.T
    square = vectors.square().sum(-1)
    square[0, largest[1], largest[2]] = 1
    weight = torch.exp(-((pi / beta) ** 2) * square) / square
    weight[1:] *= 2
    weight[0, largest[1], largest[2]] = 0
    slope = 2 * ((pi / beta) ** 2 + 1 / square)
    factor = COULOMB / (2 * pi * float(torch.linalg.det(cell).abs()))
    return Waves(inverse, (largest[0], largest[1], largest[2]), weight, slope, vectors, factor)


def ewald_energy(sites: Tensor, charges: Tensor, cell: Tensor, beta: float, spacing: float) -> Tensor:
    """E (), eV: the equation, differentiable in sites (n, 3), A, and charges (n,), e; memory is n times the waves."""
    w = waves(cell, beta, spacing)
    phase = 2 * pi * sites @ w.vectors.reshape(-1, 3).T
    S = (charges[:, None] * torch.polar(torch.ones_like(phase), phase)).sum(0)
    return w.factor * (w.weight.reshape(-1) * (S.real**2 + S.imag**2)).sum()


@torch.no_grad()
def ewald_sum(sites: Tensor, charges: Tensor, cell: Tensor, beta: float, spacing: float) -> EwaldSum:
    """The same with derivatives, as products of matrices: exp(2 pi i m . r) is a product over the three axes.

    All float64. sites: (n, 3), A, anywhere. charges: (n,), e. cell: (3, 3), A. beta: 1/A. spacing: A.
    """
    w = waves(cell, beta, spacing)
    shape = w.weight.shape
    chunks = torch.arange(len(sites), device=sites.device).split(max(1, CHUNK // (shape[1] * shape[2])))
    S = torch.zeros(shape[0], shape[1] * shape[2], dtype=torch.complex128, device=sites.device)
    for rows in chunks:
        A, B, C = _phases(sites[rows] @ w.inverse, w.largest)
        S += (charges[rows, None] * A).T @ (B[:, :, None] * C[:, None, :]).flatten(1)
    of_waves = w.weight * (S.real**2 + S.imag**2).view(shape)
    energy = w.factor * of_waves.sum()
    m = w.vectors.reshape(-1, 3)
    bent = (of_waves * w.slope).reshape(-1, 1)
    virial = energy * torch.eye(3).to(m) - w.factor * (bent * m).T @ m
    P = w.weight.flatten(1) * S.conj()
    force = torch.cat([_forces(sites[rows] @ w.inverse, charges[rows], P, w) for rows in chunks])
    return EwaldSum(energy, force, virial)


def _phases(fractional: Tensor, largest: tuple[int, int, int]) -> list[Tensor]:
    """exp(2 pi i m_d s_d), (n, 1 + K_1 / 2) for the first axis, from m_1 = 0 on, (n, 1 + K_d) for the others."""
    result = []
    for axis, size in enumerate(largest):
        numbers = torch.arange(-size if axis else 0, size + 1).to(fractional)
        phase = 2 * pi * fractional[:, axis : axis + 1] * numbers
        result.append(torch.polar(torch.ones_like(phase), phase))
    return result


def _forces(fractional: Tensor, charges: Tensor, P: Tensor, w: Waves) -> Tensor:
    """(n, 3), eV/A, of charges at fractional coordinates; P: weight times the conjugate of S."""
    A, B, C = _phases(fractional, w.largest)
    n, (first, second, third) = len(A), w.largest
    numbers = [torch.arange(0, first + 1), torch.arange(-second, second + 1), torch.arange(-third, third + 1)]
    numbers = [each.to(fractional) for each in numbers]
    X, X1 = ((each @ P).view(n, B.shape[1], C.shape[1]) for each in (A, A * numbers[0]))
    along = torch.bmm(X, torch.stack([C, C * numbers[2]], dim=2))
    # d/ds_d of the sum over waves, divided by 2 pi i
    derivatives = [
        (B * (X1 @ C[:, :, None])[:, :, 0]).sum(1),
        (B * numbers[1] * along[:, :, 0]).sum(1),
        (B * along[:, :, 1]).sum(1),
    ]
    of_fractional = -4 * pi * w.factor * charges[:, None] * torch.stack(derivatives, dim=1).imag
    return -of_fractional @ w.inverse.T
