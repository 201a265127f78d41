"""Folding of a descriptor and the first layer of a fitting net into one small linear map.

With moments B (components, T K) of the spectral basis, the rows of A = B C are in the span of the embedding functions,
whose dimension r is far below the width M of the net and the size T K of the basis. With orthonormal functions
u_1 ... u_r of that span, A = Q Y, Q = B P (components, r), Y (r, M), and a descriptor that is a bilinear form of A is a
bilinear form of Q. The weights of the first layer absorb Y: the net reads r r_1 products instead of M axis_neuron.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_r import SCALE
from deepaw.spectral import ChebyshevBasis

LARGEST_BASIS = 320
"""Largest number of polynomials of a basis."""

NOISE = 2e-15
"""Coefficients below this fraction of the largest are rounding errors."""

LARGEST_NOISE = 1e-13
"""If the last quarter of the coefficients is below this fraction of the largest, it is rounding noise of the nets, and
all coefficients below ten times its largest are dropped."""

FLOOR = 0.1
"""Weight of embeddings at the cutoff, relative to those of the nearest neighbours; embeddings are multiplied by s."""


@dataclass(frozen=True)
class Fold:
    """Folded part of a descriptor for one type of centre.

    project: P (K, r) for each type of neighbour. weights: (features, outputs), of the first layer. axes: r_1 of the
    features Q[:, :r]^T Q[:, :r_1], or 0 if the features are Q itself. directions: Y (r, M), or None if A has no
    equivariant rows.
    """

    project: list[Tensor]
    weights: Tensor
    axes: int
    directions: Tensor | None


def fitting_basis(part: PairwiseDescriptor, s_max: float, tolerance: float) -> ChebyshevBasis:
    """Return the smallest basis on [0, s_max] that represents the derivatives of all embeddings.

    tolerance: relative to the largest derivative; a basis of the largest size may miss it, for nets that are not
    smooth. part: in float64.
    """
    large = ChebyshevBasis(0.0, s_max, LARGEST_BASIS)
    with torch.no_grad():
        coefficients = part.coefficients(large)
    needed = polynomials_needed(coefficients.unflatten(1, (-1, large.size)), tolerance)
    return ChebyshevBasis(0.0, s_max, max(needed, 2))


def polynomials_needed(coefficients: Tensor, tolerance: float) -> int:
    """Return the number of Chebyshev polynomials that represent the derivatives of functions.

    coefficients: (..., K, M), of M functions each. tolerance: relative to the largest derivative.
    """
    size = coefficients.abs().amax(dim=-1).flatten(0, -2)
    last = size[:, -(size.shape[1] // 4) :].max() / size.max()
    size[size < max(NOISE, float(10 * last) if last < LARGEST_NOISE else 0.0) * size.max()] = 0
    # T_k' is k times as large as T_k away from the ends of the range
    beyond = (size * torch.arange(size.shape[1])).flip(1).cumsum(1).flip(1)
    return int((beyond > tolerance * beyond.max()).sum(1).max())


def fold(part: PairwiseDescriptor, kind: int, basis: ChebyshevBasis, weights: Tensor, tolerance: float) -> Fold:
    """Fold one part of a descriptor for centres of type `kind`.

    weights: (width, outputs), float64, rows of the first layer for this part, without those of the centre's type.
    """
    C = part.coefficients(basis)[kind]
    M = C.shape[1]
    x = ChebyshevBasis(0.0, basis.high, 2 * basis.size).nodes()
    R = torch.linalg.qr(basis.values(x) * (FLOOR + x / basis.high)[:, None])[1]
    functions = torch.cat([R @ C_type for C_type in C.split(basis.size)])
    if part.components == 4:
        axis = part.config.axis_neuron
        least = tolerance * float(torch.linalg.matrix_norm(functions, 2))
        U = _span(functions[:, :axis], least)
        axes = U.shape[1]
        U = torch.cat([U, _span(functions - U @ (U.T @ functions), least)], dim=1)
        U = torch.linalg.qr(U)[
            0
        ]  # columns of small singular values are not orthogonal to the first ones because of rounding
        Y = U.T @ functions / part.nnei
        first = torch.einsum("pm,qn,mnh->pqh", Y, Y[:axes, :axis], weights.view(M, axis, -1)).flatten(0, 1)
    else:
        least = tolerance * float(torch.linalg.matrix_norm(functions, 2))
        U, axes, Y = _span(functions, least), 0, None
        first = (SCALE / part.nnei) * (U.T @ functions) @ weights
    project = [torch.linalg.solve_triangular(R, U_type, upper=True) for U_type in U.split(basis.size)]
    return Fold(project, first, axes, Y)


def _span(functions: Tensor, least: float) -> Tensor:
    """Return orthonormal columns that span those of `functions`, without directions of singular value below `least`."""
    U, S, _ = torch.linalg.svd(functions, full_matrices=False)
    return U[:, : max(1, int((least < S).sum()))]
