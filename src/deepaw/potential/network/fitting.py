"""Fitting nets: from a descriptor to one or a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from deepaw.potential.network.layer import Layer


class FittingNet(nn.Module):
    """Net R^width -> R^outputs: hidden layers of widths `neuron`, residual where widths allow it, and a linear one."""

    def __init__(
        self,
        width: int,
        neuron: Sequence[int],
        outputs: int = 1,
        *,
        activation: str = "tanh",
        resnet_dt: bool = True,
        dtype: torch.dtype = torch.float64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        widths = (width, *neuron)
        self.layers = nn.ModuleList(
            Layer(
                inputs,
                layer_outputs,
                activation=activation,
                residual=True,
                timestep=resnet_dt,
                dtype=dtype,
                generator=generator,
            )
            for inputs, layer_outputs in pairwise(widths)
        )
        self.layers.append(Layer(widths[-1], outputs, activation="none", dtype=dtype, generator=generator))

    def forward(self, x: Tensor, compute: torch.dtype | None = None) -> Tensor:
        """Evaluate (n, width) -> (n, outputs).

        compute: type that operands of products are rounded to in all layers but the last (`network.products`).
        """
        *hidden, last = self.layers
        for layer in hidden:
            x = layer(x, compute=compute)
        result: Tensor = last(x)
        return result
