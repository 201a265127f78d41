"""Embedding nets: functions of one variable with M outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from deepaw.potential.network.layer import Layer


class EmbeddingNets(nn.Module):
    """`networks` embedding nets of the same shape, R -> R^M with M = neuron[-1], every layer residual.

    neuron: widths of the layers; resnet_dt: whether residual layers have a timestep `idt`.
    """

    def __init__(
        self,
        networks: int,
        neuron: Sequence[int],
        *,
        activation: str = "tanh",
        resnet_dt: bool = False,
        dtype: torch.dtype = torch.float64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.networks = networks
        widths = (1, *neuron)
        self.layers = nn.ModuleList(
            Layer(
                inputs,
                outputs,
                networks=(networks,),
                activation=activation,
                residual=True,
                timestep=resnet_dt,
                dtype=dtype,
                generator=generator,
            )
            for inputs, outputs in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate every net at its own n inputs: x (networks, n) -> (networks, n, M)."""
        y = x.unsqueeze(-1)
        for layer in self.layers:
            y = layer(y)
        return y

    def evaluate(self, index: int, x: Tensor) -> Tensor:
        """Evaluate net `index`: x (n,) -> (n, M)."""
        y = x.unsqueeze(-1)
        for layer in self.layers:
            y = layer(y, index)
        return y
