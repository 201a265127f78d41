"""Basis of products of Chebyshev polynomials: K polynomials for the work of about 2 sqrt(K).

The products T_{c a} T_b of Chebyshev polynomials, a < rows, b < c = columns, span the same polynomials as T_0 ...
T_{rows c - 1} (the idea of Paterson and Stockmeyer, SIAM J. Comput. 2, 60, 1973). Sums over points of all of them are
one matrix product of two short lists, and so is a polynomial at many points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from deepaw.spectral.chebyshev import ChebyshevBasis


@dataclass(frozen=True)
class ProductBasis:
    """Basis phi_{a b} = T_{columns a} T_b on [-1, 1], in the order of a columns + b.

    columns: a power of 2, 2 or more.
    """

    rows: int
    columns: int

    @property
    def size(self) -> int:
        """Number of polynomials, K = rows * columns."""
        return self.rows * self.columns

    @property
    def chebyshev(self) -> ChebyshevBasis:
        """Basis T_0 ... T_{K-1}, which spans the same polynomials."""
        return ChebyshevBasis(-1.0, 1.0, self.size)

    @cached_property
    def from_chebyshev(self) -> Tensor:
        """Matrix X (K, K), float64: sum_k c_k T_k = sum_j phi_j (X c)_j, from T_{m+b} = 2 T_m T_b - T_{m-b}."""
        X = torch.zeros(self.size, self.size, dtype=torch.float64)
        for k in range(self.size):
            a, b = divmod(k, self.columns)
            X[k, k] = 2.0 if a and b else 1.0
            if a and b:
                X[:, k] -= X[:, self.columns * a - b]
        return X

    @cached_property
    def to_chebyshev(self) -> Tensor:
        """Matrix Y (K, K), float64, the inverse of X: T_m T_b = (T_{m+b} + T_{m-b}) / 2."""
        Y = torch.zeros(self.size, self.size, dtype=torch.float64)
        for j in range(self.size):
            a, b = divmod(j, self.columns)
            for k in (self.columns * a + b, abs(self.columns * a - b)):
                Y[k, j] += 0.5
        return Y

    @cached_property
    def derivative_of_moment(self) -> Tensor:
        """Matrix L (K, K), float64: d/dv [v sum_j g_j phi_j(v)] = sum_j phi_j(v) (L g)_j."""
        K = self.size
        times_v = torch.zeros(K + 1, K, dtype=torch.float64)  # v T_k = (T_{k+1} + T_{|k-1|}) / 2
        for k in range(K):
            for order in (k + 1, abs(k - 1)):
                times_v[order, k] += 0.5
        derivative = ChebyshevBasis(-1.0, 1.0, K + 1).differentiation()[:K]
        return self.from_chebyshev @ derivative @ times_v @ self.to_chebyshev

    def sums(self, v: Tensor, x: Tensor, sets: Sequence[int] | None = None) -> Tensor:
        """Compute sum_p x_p phi_j(v_p), (n, sets, K), of v and x (n, points), over several sets of points.

        sets: number of points of each set, one set after the other; by default all points are one set.
        """
        sets = sets or [v.shape[1]]
        columns = self._chain(x, v, self.columns).split(sets, dim=2)
        rows = self._chain(torch.ones_like(v), self._step(v), self.rows).split(sets, dim=2)
        parts = [torch.bmm(a.permute(1, 0, 2), b.permute(1, 2, 0)) for a, b in zip(rows, columns, strict=True)]
        result = torch.stack(parts, dim=1)
        return (result * self._signs(result)).flatten(2)

    def values(self, v: Tensor, g: Tensor, sets: Sequence[int] | None = None) -> Tensor:
        """Compute sum_j g_j phi_j(v_p), (n, points), of v (n, points) and g (n, sets, K); sets as in `sums`."""
        columns = self._chain(torch.ones_like(v), v, self.columns).split(sets or [v.shape[1]], dim=2)
        g = g.view(*g.shape[:2], self.rows, self.columns)
        g = g * self._signs(g)
        parts = [torch.bmm(g[:, number], chain.permute(1, 0, 2)) for number, chain in enumerate(columns)]
        Y = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        rows = self._chain(torch.ones_like(v), self._step(v), self.rows)
        result, *factors = Y.unbind(1)
        for row, factor in zip(rows.unbind()[1:], factors, strict=True):
            result = result.addcmul_(row, factor)
        return result

    def _step(self, v: Tensor) -> Tensor:
        """Compute T_columns(v) by doubling: T_2m = 2 T_m^2 - 1."""
        t = v
        for _ in range(self.columns.bit_length() - 1):
            t = (2 * t).mul_(t).sub_(1)
        return t

    def _chain(self, first: Tensor, y: Tensor, count: int) -> Tensor:
        """Compute first * T_k(y) for k < count, (count, *first.shape), times the signs of `_sign`."""
        chain = first.new_empty(count, *first.shape)
        rows = chain.unbind()
        rows[0].copy_(first)
        if count > 1:
            torch.mul(first, y, out=rows[1])
        for k in range(2, count):
            torch.addcmul(rows[k - 2], y, rows[k - 1], value=-2 * _sign(k - 2) * _sign(k - 1), out=rows[k])
        return chain

    def _signs(self, like: Tensor) -> Tensor:
        """Return the signs of products of a row and a column, (rows, columns)."""
        rows, columns = (like.new_tensor([_sign(k) for k in range(count)]) for count in (self.rows, self.columns))
        return rows[:, None] * columns


def _sign(k: int) -> int:
    """Return the sign of T_k in a chain, + + - - + + - - ..., with which each polynomial is one operation."""
    return 1 - 2 * (k // 2 % 2)
