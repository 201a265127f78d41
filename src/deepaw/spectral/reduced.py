"""Orthonormal basis of the span of a network's outputs, with as few functions as a tolerance allows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from deepaw.spectral.chebyshev import ChebyshevBasis

SAMPLES = 16
"""Points per polynomial where functions are sampled."""


@dataclass(frozen=True)
class ReducedBasis:
    """Orthonormal combinations of Chebyshev polynomials.

    `combination` (chebyshev.size, size): g(x) = T(x) @ combination.
    """

    chebyshev: ChebyshevBasis
    combination: Tensor

    @property
    def size(self) -> int:
        """Number of functions."""
        return self.combination.shape[1]

    def values(self, x: Tensor) -> Tensor:
        """Compute g_k(x), (..., size)."""
        return self.chebyshev.values(x) @ self.combination.to(x)

    def restricted(
        self, low: float, high: float, tolerance: float, weights: Tensor | None = None
    ) -> tuple[ReducedBasis, Tensor]:
        """Return a smaller basis h on a part [low, high] of the interval, and U (h.size, size) with g = h @ U on it.

        weights: (size,), factors of the functions where these are used; errors are relative to the weighted functions,
        so that functions of small weight may be represented less accurately.
        """
        part = ChebyshevBasis(low, high, self.chebyshev.size)
        fitted = part.fit(self.values, self.combination.dtype)
        if weights is None:
            return reduce_basis(part, fitted, tolerance)
        basis, weighted = reduce_basis(part, fitted * weights.to(fitted), tolerance)
        return basis, weighted / weights.to(fitted)


@cache
def _sampled(size: int) -> Tensor:
    """Return R of the QR decomposition of `size` polynomials at even samples, which does not depend on the interval."""
    unit = ChebyshevBasis(-1.0, 1.0, size)
    x = torch.linspace(-1.0, 1.0, SAMPLES * size, dtype=torch.float64)
    upper: Tensor = torch.linalg.qr(unit.values(x))[1]
    return upper


def reduce_basis(chebyshev: ChebyshevBasis, coefficients: Tensor, tolerance: float) -> tuple[ReducedBasis, Tensor]:
    """Return the smallest orthonormal basis that spans functions to within a tolerance.

    Truncated singular value decomposition of the functions sampled evenly on the interval.

    Args:
        chebyshev: the basis of the coefficients.
        coefficients: (chebyshev.size, M), the functions f = T @ coefficients.
        tolerance: singular values below this fraction of the largest are dropped.

    Returns:
        The basis g (K functions of mean square 1) and the map (K, M) with f = g @ map up to the tolerance.
    """
    samples = SAMPLES * chebyshev.size
    # the factor Q of the samples does not change singular values and right vectors of Q R C, and R C is much smaller
    upper = _sampled(chebyshev.size).to(coefficients.device)
    _, singular, right = torch.linalg.svd(upper @ coefficients.double(), full_matrices=False)
    rank = max(1, int((singular > tolerance * singular[0]).sum()))
    scale = singular[:rank] / samples**0.5
    combination = coefficients.double() @ right[:rank].T / scale
    return (
        ReducedBasis(chebyshev, combination.to(coefficients.dtype)),
        (scale[:, None] * right[:rank]).to(coefficients.dtype),
    )
