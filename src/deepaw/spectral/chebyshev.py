"""Chebyshev polynomials on an interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

_SINGLE_ROWS = 17
"""Number of rows that are computed one by one, before those computed eight at a time."""


@dataclass(frozen=True)
class ChebyshevBasis:
    """Basis T_0..T_{size-1} on [low, high].

    A function that is analytic on the interval is represented with an error that falls geometrically with `size`
    (Trefethen, Approximation Theory and Approximation Practice, theorem 8.2).
    """

    low: float
    high: float
    size: int

    def __post_init__(self) -> None:
        if not self.low < self.high or self.size < 1:
            raise ValueError(f"need low < high and size >= 1, not [{self.low}, {self.high}] and {self.size}")

    def nodes(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
        """Return the Chebyshev points of the first kind, (size,), at which functions are sampled."""
        angle = (torch.arange(self.size, dtype=torch.float64, device=device) + 0.5) * (pi / self.size)
        return (0.5 * (self.low + self.high) + 0.5 * (self.high - self.low) * angle.cos()).to(dtype)

    def values(self, x: Tensor) -> Tensor:
        """Compute T_k(x), (..., size), for x (...) inside the interval, by the three-term recurrence."""
        t = self._scaled(x)
        columns = [torch.ones_like(t), t]
        for _ in range(2, self.size):
            columns.append(2 * t * columns[-1] - columns[-2])
        return torch.stack(columns[: self.size], dim=-1)

    def rows(self, x: Tensor) -> Tensor:
        """Compute T_k(x) times `row_signs`, with the polynomials first, (size, ...).

        Eight rows at a time, by T_{j+8} = 2 T_8 T_j - T_{j-8}; the signs make that one operation of PyTorch.
        """
        signs = self.row_signs()
        rows = x.new_empty(self.size, *x.shape)
        rows[0] = 1
        if self.size > 1:
            rows[1] = self._scaled(x)
        for k in range(2, min(self.size, _SINGLE_ROWS)):
            factor = -2 * signs[k - 2] * signs[k - 1]
            torch.addcmul(rows[k - 2], rows[1], rows[k - 1], value=factor, out=rows[k])
        for k in range(_SINGLE_ROWS, self.size, 8):
            last = min(k + 8, self.size)
            factor = -2 * signs[k - 16] * signs[k - 8] * signs[8]
            torch.addcmul(rows[k - 16 : last - 16], rows[8], rows[k - 8 : last - 8], value=factor, out=rows[k:last])
        return rows

    def row_signs(self) -> list[int]:
        """Return the sign of each polynomial in `rows`, 1 or -1."""
        signs = [1, 1]
        for k in range(2, self.size):
            signs.append(-signs[k - 2] if k < _SINGLE_ROWS else -signs[k - 16])
        return signs[: self.size]

    def derivatives(self, x: Tensor) -> Tensor:
        """Compute dT_k/dx, (..., size), by T_k' = k U_{k-1}."""
        t = self._scaled(x)
        second_kind = [torch.ones_like(t), 2 * t]
        for _ in range(2, self.size):
            second_kind.append(2 * t * second_kind[-1] - second_kind[-2])
        columns = [torch.zeros_like(t)] + [k * second_kind[k - 1] for k in range(1, self.size)]
        return torch.stack(columns, dim=-1) * (2 / (self.high - self.low))

    def differentiation(self) -> Tensor:
        """Return D (size, size), float64, with dT_k/dx = sum_j T_j D[j, k].

        T_k' = 2 k (T_{k-1} + T_{k-3} + ...), with half of T_0.
        """
        matrix = torch.zeros(self.size, self.size, dtype=torch.float64)
        for k in range(1, self.size):
            matrix[torch.arange(k - 1, -1, -2), k] = 2.0 * k
        matrix[0] *= 0.5
        return matrix * (2 / (self.high - self.low))

    def fitting(self, device: torch.device | str = "cpu") -> Tensor:
        """Return V^-1 (size, size), float64, in closed form: the map from values at `nodes()` to coefficients."""
        order = torch.arange(self.size, dtype=torch.float64, device=device)
        transform = torch.cos(order[:, None] * (order[None, :] + 0.5) * (pi / self.size)) * (2 / self.size)
        transform[0] *= 0.5
        return transform

    def coefficients(self, at_nodes: Tensor) -> Tensor:
        """Compute C with f(x) = values(x) @ C from f at `nodes()`: (size, ...) -> (size, ...)."""
        return torch.tensordot(self.fitting(at_nodes.device).to(at_nodes.dtype), at_nodes, dims=1)

    def fit(
        self,
        function: Callable[[Tensor], Tensor],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Fit coefficients (size, M) of a function of one variable, x (n,) -> (n, M); differentiable in its weights."""
        return self.coefficients(function(self.nodes(dtype, device)))

    def _scaled(self, x: Tensor) -> Tensor:
        return (2 * x - (self.low + self.high)) / (self.high - self.low)
