"""Wigner 3j symbols for real spherical harmonics."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial, sqrt

import numpy as np
import torch
from torch import Tensor


@cache
def wigner_3j(l1: int, l2: int, l3: int) -> Tensor:
    """The invariant of l1 x l2 x l3 in the real basis, normalised to one.

    Args:
        l1, l2, l3: degrees with |l1 - l2| <= l3 <= l1 + l2.

    Returns:
        (2 l1 + 1, 2 l2 + 1, 2 l3 + 1), float64, equal to `e3nn.o3.wigner_3j` including the sign. The tensor is cached:
        do not write to it.

    Raises:
        ValueError: the degrees do not form a triangle.
    """
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"l1={l1}, l2={l2}, l3={l3} do not form a triangle")
    coupling = np.array(
        [
            [[_clebsch_gordan(l1, m1, l2, m2, l3, m3) for m3 in range(-l3, l3 + 1)] for m2 in range(-l2, l2 + 1)]
            for m1 in range(-l1, l1 + 1)
        ]
    )
    real = np.einsum(
        "ij,kl,nm,ikn->jlm", _real_to_complex(l1), _real_to_complex(l2), _real_to_complex(l3).conj(), coupling
    ).real
    return torch.from_numpy(np.ascontiguousarray(real / np.linalg.norm(real)))


def _clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l3: int, m3: int) -> float:
    """<l1 m1 l2 m2 | l3 m3> by Racah's sum (Varshalovich et al. 1988, eq. 8.2.1(3))."""
    if m3 != m1 + m2:
        return 0.0
    low = max(-l1 + l2 + m3, -l1 + m1, 0)
    high = min(l2 + l3 + m1, l3 - l1 + l2, l3 + m3)
    prefactor = Fraction(
        (2 * l3 + 1)
        * factorial(l3 + l1 - l2)
        * factorial(l3 - l1 + l2)
        * factorial(l1 + l2 - l3)
        * factorial(l3 + m3)
        * factorial(l3 - m3),
        factorial(l1 + l2 + l3 + 1) * factorial(l1 - m1) * factorial(l1 + m1) * factorial(l2 - m2) * factorial(l2 + m2),
    )
    total = sum(
        (
            (-1) ** (v + l2 + m2)
            * Fraction(
                factorial(l2 + l3 + m1 - v) * factorial(l1 - m1 + v),
                factorial(v) * factorial(l3 - l1 + l2 - v) * factorial(l3 + m3 - v) * factorial(v + l1 - l2 - m3),
            )
            for v in range(low, high + 1)
        ),
        Fraction(0),
    )
    return sqrt(prefactor) * float(total)


def _real_to_complex(degree: int) -> np.ndarray:
    """(2l+1, 2l+1) complex: rows are complex m, columns real m; the phase (-i)^l makes the 3j symbols real."""
    change = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=complex)
    change[degree, degree] = 1.0
    for m in range(1, degree + 1):
        change[degree - m, degree + m] = 1 / sqrt(2)
        change[degree - m, degree - m] = -1j / sqrt(2)
        change[degree + m, degree + m] = (-1) ** m / sqrt(2)
        change[degree + m, degree - m] = 1j * (-1) ** m / sqrt(2)
    return (-1j) ** degree * change
