"""Chebyshev polynomials on an interval: the fixed basis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor


@dataclass(frozen=True)
class ChebyshevBasis:
    """The polynomials T_0..T_{size-1} on [low, high].

    A function that is analytic there is represented with an error that falls geometrically with `size` (Trefethen,
    Approximation Theory and Approximation Practice, theorem 8.2).
    """

    low: float
    high: float
    size: int

    def __post_init__(self) -> None:
        if not self.low < self.high or self.size < 1:
            raise ValueError(f"need low < high and size >= 1, not [{self.low}, {self.high}] and {self.size}")

    def nodes(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
        """The Chebyshev points of the first kind, (size,), where a function has to be known."""
        angle = (torch.arange(self.size, dtype=torch.float64, device=device) + 0.5) * (pi / self.size)
        return (0.5 * (self.low + self.high) + 0.5 * (self.high - self.low) * angle.cos()).to(dtype)

    def values(self, x: Tensor) -> Tensor:
        """T_k(x), (..., size), for x (...) inside the interval, by the three-term recurrence."""
        t = self._scaled(x)
        columns = [torch.ones_like(t), t]
        for _ in range(2, self.size):
            columns.append(2 * t * columns[-1] - columns[-2])
        return torch.stack(columns[: self.size], dim=-1)

    def derivatives(self, x: Tensor) -> Tensor:
        """dT_k/dx, (..., size): T_k' = k U_{k-1}."""
        t = self._scaled(x)
        second_kind = [torch.ones_like(t), 2 * t]
        for _ in range(2, self.size):
            second_kind.append(2 * t * second_kind[-1] - second_kind[-2])
        columns = [torch.zeros_like(t)] + [k * second_kind[k - 1] for k in range(1, self.size)]
        return torch.stack(columns, dim=-1) * (2 / (self.high - self.low))

    def differentiation(self) -> Tensor:
        """D (size, size), float64, with dT_k/dx = sum_j T_j D[j, k]: T_k' = 2 k (T_{k-1} + T_{k-3} + ...), T_0 half."""
        matrix = torch.zeros(self.size, self.size, dtype=torch.float64)
        for k in range(1, self.size):
            matrix[torch.arange(k - 1, -1, -2), k] = 2.0 * k
        matrix[0] *= 0.5
        return matrix * (2 / (self.high - self.low))

    def coefficients(self, at_nodes: Tensor) -> Tensor:
        """C with f(x) = values(x) @ C, from f at `nodes()`: (size, ...) -> (size, ...), V^-1 written out."""
        order = torch.arange(self.size, dtype=torch.float64, device=at_nodes.device)
        transform = torch.cos(order[:, None] * (order[None, :] + 0.5) * (pi / self.size)) * (2 / self.size)
        transform[0] *= 0.5
        return torch.tensordot(transform.to(at_nodes.dtype), at_nodes, dims=1)

    def fit(
        self,
        function: Callable[[Tensor], Tensor],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Coefficients (size, M) of a function of one variable, x (n,) -> (n, M); differentiable in its weights."""
        return self.coefficients(function(self.nodes(dtype, device)))

    def _scaled(self, x: Tensor) -> Tensor:
        return (2 * x - (self.low + self.high)) / (self.high - self.low)
