"""F_local: a correction read from the probe representation by a Kolmogorov-Arnold network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepaw.density.model.config import LocalConfig


class SplineLayer(nn.Module):
    """y_j = sum_i mask_ij (scale_base_ij silu(x_i) + scale_sp_ij sum_c coef_ijc B_c(x_i)).

    Liu et al., KAN: Kolmogorov-Arnold Networks, eqs. 2.10-2.11; the tensors are named as in pykan checkpoints. `grid`
    holds the knots of every input, already continued by `order` knots on either side; B is zero outside of them.
    """

    grid: Tensor
    mask: Tensor

    def __init__(self, inputs: int, outputs: int, intervals: int, order: int) -> None:
        super().__init__()
        self.order = order
        step = 2.0 / intervals
        knots = torch.arange(-order, intervals + order + 1, dtype=torch.get_default_dtype()) * step - 1.0
        self.register_buffer("grid", knots.repeat(inputs, 1))
        self.register_buffer("mask", torch.ones(inputs, outputs))
        self.coef = nn.Parameter(torch.randn(inputs, outputs, intervals + order) * 0.3 / intervals)
        self.scale_base = nn.Parameter((2 * torch.rand(inputs, outputs) - 1) / inputs**0.5)
        self.scale_sp = nn.Parameter(torch.ones(inputs, outputs) / inputs**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs)."""
        splines = spline_values(x, self.grid, self.order)
        base = F.silu(x) @ (self.mask * self.scale_base)
        weights = (self.mask * self.scale_sp).unsqueeze(-1) * self.coef
        return base + splines.flatten(1) @ weights.transpose(1, 2).flatten(0, 1)


def spline_values(x: Tensor, knots: Tensor, order: int) -> Tensor:
    """B-splines of degree `order` by the Cox-de Boor recursion: x (n, d), knots (d, K) -> (n, d, K - order - 1)."""
    x = x.unsqueeze(-1)
    values = ((x >= knots[:, :-1]) & (x < knots[:, 1:])).to(x.dtype)
    for k in range(1, order + 1):
        rising = (x - knots[:, : -k - 1]) / (knots[:, k:-1] - knots[:, : -k - 1])
        falling = (knots[:, k + 1 :] - x) / (knots[:, k + 1 :] - knots[:, 1:-k])
        values = rising * values[..., :-1] + falling * values[..., 1:]
    return values


class _SymbolicLayer(nn.Module):
    """The place pykan keeps formulas in; a checkpoint that uses it is refused on loading."""

    mask: Tensor
    affine: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mask", torch.zeros(outputs, inputs))
        self.register_buffer("affine", torch.zeros(outputs, inputs, 4))


class SplineNetwork(nn.Module):
    """Spline layers, each followed by two affine maps (subnode, node)."""

    def __init__(self, sizes: list[int], intervals: int, order: int) -> None:
        super().__init__()
        pairs = list(pairwise(sizes))
        for i, (_, outputs) in enumerate(pairs):
            for name, value in (("node_bias", 0.0), ("node_scale", 1.0), ("subnode_bias", 0.0), ("subnode_scale", 1.0)):
                setattr(self, f"{name}_{i}", nn.Parameter(torch.full((outputs,), value)))
        self.act_fun = nn.ModuleList(SplineLayer(a, b, intervals, order) for a, b in pairs)
        self.symbolic_fun = nn.ModuleList(_SymbolicLayer(a, b) for a, b in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, sizes[0]) -> (n, sizes[-1])."""
        for i, layer in enumerate(self.act_fun):
            x = getattr(self, f"subnode_scale_{i}") * layer(x) + getattr(self, f"subnode_bias_{i}")
            x = getattr(self, f"node_scale_{i}") * x + getattr(self, f"node_bias_{i}")
        return x


class LocalCorrection(nn.Module):
    """F_local(h) = KAN(W h + b), W and b zero to begin with; h (n, width) is the probe representation.

    W reads every component of h, those of degree l > 0 too, as the published layout has it: with F_local a density is
    not exactly invariant under rotations.
    """

    def __init__(self, width: int, outputs: int, config: LocalConfig) -> None:
        super().__init__()
        self.mlp = nn.Linear(width, config.hidden)
        nn.init.zeros_(self.mlp.weight)
        nn.init.zeros_(self.mlp.bias)
        self.kan = SplineNetwork([config.hidden, config.width, outputs], config.grid, config.order)

    def forward(self, representation: Tensor) -> Tensor:
        """(n, width) -> (n, outputs), e/A^3."""
        return self.kan(self.mlp(representation))
