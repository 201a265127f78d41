"""Table of functions of one variable with linear interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Table:
    """Values (n + 1, M) of M functions at n + 1 evenly spaced points of [low, high].

    Reading two rows costs less than any recurrence; the error is h^2 / 8 of the largest second derivative.
    """

    low: float
    high: float
    values: Tensor

    @classmethod
    def sample(
        cls,
        function: Callable[[Tensor], Tensor],
        low: float,
        high: float,
        intervals: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Table:
        """Tabulate x (n,) -> (n, M); the function is evaluated in float64."""
        x = torch.linspace(low, high, intervals + 1, dtype=torch.float64, device=device)
        return cls(low, high, function(x).to(dtype))

    def __call__(self, x: Tensor) -> Tensor:
        """Interpolate at x (...), (..., M); outside [low, high] the value at the nearer end."""
        intervals = self.values.shape[0] - 1
        position = ((x - self.low) * (intervals / (self.high - self.low))).clamp(0, intervals)
        index = position.long().clamp(max=intervals - 1)
        fraction = (position - index).unsqueeze(-1)
        return torch.lerp(self.values[index], self.values[index + 1], fraction)
