"""Real spherical harmonics of all degrees up to lmax."""

from __future__ import annotations

from math import factorial, sqrt

import torch
from torch import Tensor


def spherical_harmonics(lmax: int, vectors: Tensor) -> Tensor:
    """Real spherical harmonics of the directions of some vectors, component-normalised.

    Built by the recursions of the associated Legendre functions in Cartesian form (Bigi et al., J. Chem. Phys. 159,
    064802 (2023), eqs. 7-9), which have no special case at the poles. The order is e3nn's: degree after degree,
    m = -l..l, the y axis polar, so that l = 1 is sqrt(3) (x, y, z) / r. At r = 0 every degree above 0 is 0.

    Args:
        lmax: highest degree.
        vectors: (..., 3), any length.

    Returns:
        (..., (lmax + 1)^2), of the dtype of `vectors`; the squares of one degree sum to 2 l + 1.
    """
    return torch.stack(harmonic_components(lmax, torch.nn.functional.normalize(vectors, dim=-1).unbind(-1)), dim=-1)


def harmonic_components(lmax: int, unit: tuple[Tensor, ...]) -> list[Tensor]:
    """The same by components: `unit` is (x, y, z), each (...), of length 1 or 0; (lmax + 1)^2 tensors (...)."""
    second, polar, first = unit
    squared = first * first + second * second + polar * polar  # 1, or 0 at the origin
    one = torch.ones_like(polar)
    cosines, sines = [one], [torch.zeros_like(one)]
    for _ in range(lmax):
        cosines.append(first * cosines[-1] - second * sines[-1])
        sines.append(first * sines[-1] + second * cosines[-2])

    legendre: dict[tuple[int, int], Tensor] = {}
    for m in range(lmax + 1):
        legendre[m, m] = one * float(_double_factorial(2 * m - 1))
        for degree in range(m + 1, lmax + 1):
            value = (2 * degree - 1) * polar * legendre[degree - 1, m]
            if degree > m + 1:
                value = value - (degree + m - 1) * squared * legendre[degree - 2, m]
            legendre[degree, m] = value / (degree - m)

    components: list[Tensor] = []
    for degree in range(lmax + 1):
        for m in range(-degree, degree + 1):
            order = abs(m)
            norm = sqrt((2 * degree + 1) * (1 if m == 0 else 2) * factorial(degree - order) / factorial(degree + order))
            angular = sines[order] if m < 0 else cosines[order]
            components.append(norm * legendre[degree, order] * angular)
    return components


def _double_factorial(n: int) -> int:
    return 1 if n <= 0 else n * _double_factorial(n - 2)
