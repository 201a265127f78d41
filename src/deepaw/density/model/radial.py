"""Radial functions on [0, cutoff], and the envelope that ends them smoothly."""

from __future__ import annotations

from math import pi, sqrt
from typing import Literal

import torch
from torch import Tensor, nn

SAMPLES = 4000
"""Distances, evenly spaced over (0, cutoff], that the functions are standardised over."""


class RadialBasis(nn.Module):
    """Functions of a distance, standardised to mean 0 and variance 1 on (0, cutoff].

    Gaussian: exp(-((r - c_i) / step)^2) / 1.12 around evenly spaced centres c_i, both ends included.
    Bessel: sqrt(2 / cutoff) sin(i pi r / cutoff) / r, i = 1..number.

    The mean and the inverse standard deviation are part of a checkpoint (`mean`, `inv_std`).
    """

    mean: Tensor
    inv_std: Tensor

    def __init__(self, number: int, cutoff: float, kind: Literal["gaussian", "bessel"]) -> None:
        super().__init__()
        self.number, self.cutoff, self.kind = number, cutoff, kind
        r = torch.linspace(0.0, cutoff, SAMPLES + 1, dtype=torch.float64)[1:]
        std, mean = torch.std_mean(self.raw(r), dim=0)
        self.register_buffer("mean", mean.to(torch.get_default_dtype()))
        self.register_buffer("inv_std", std.reciprocal().to(torch.get_default_dtype()))

    def forward(self, r: Tensor) -> Tensor:
        """(..., number) at distances r (...) in A."""
        return (self.raw(r) - self.mean) * self.inv_std

    def raw(self, r: Tensor) -> Tensor:
        """Before standardising."""
        if self.kind == "gaussian":
            centres = torch.linspace(0.0, self.cutoff, self.number, dtype=r.dtype, device=r.device)
            step = self.cutoff / (self.number - 1)
            return ((r.unsqueeze(-1) - centres) / step).square().neg().exp() / 1.12
        order = torch.arange(1, self.number + 1, dtype=r.dtype, device=r.device)
        # sinc(x) = sin(pi x) / (pi x) is finite at r = 0
        return sqrt(2 / self.cutoff) * (order * pi / self.cutoff) * torch.sinc(order * r.unsqueeze(-1) / self.cutoff)


def envelope(r: Tensor, cutoff: float) -> Tensor:
    """1 - 28 x^6 + 48 x^7 - 21 x^8 with x = r / cutoff, 0 beyond: value and two derivatives vanish at the cutoff.

    Gasteiger et al., Directional message passing for molecular graphs (ICLR 2020), eq. 8 with p = 6.
    """
    x = (r / cutoff).clamp(max=1.0)
    return 1 + x**6 * (-28 + x * (48 - 21 * x))
