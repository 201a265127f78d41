"""The weights of one interaction and of one gate, and what they do to a node on its own.

The twins of `reference.interaction` with the same state dict; how messages are summed is the engine's business.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepaw.density.model.config import GatedConfig
from deepaw.density.model.layout import SCALAR, GateLayout, InteractionLayout, Row
from deepaw.density.model.linear import BlockLinear, Constants, sigmoid, silu, tanh

HIDDEN = 100


class _Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.weight / self.weight.shape[0] ** 0.5)


class RadialNetwork(nn.Module):
    """Radial functions -> `HIDDEN` (silu) -> a weight for every path and channel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer0 = _Layer(inputs, HIDDEN)
        self.layer1 = _Layer(HIDDEN, outputs)

    def hidden(self, radial: Tensor) -> Tensor:
        """(..., num_basis) -> (..., HIDDEN)."""
        return silu(self.layer0(radial))

    def forward(self, radial: Tensor) -> Tensor:
        """(..., num_basis) -> (..., weights)."""
        return self.layer1(self.hidden(radial))


class Interaction(nn.Module):
    """Holds sc, lin1, tp, fc, lin2 and lin3 of `reference.interaction.Interaction`."""

    def __init__(self, layout: InteractionLayout, config: GatedConfig) -> None:
        super().__init__()
        self.layout = layout
        output = layout.gate.inputs
        self.sc = BlockLinear(layout.receiver, output)
        self.lin1 = BlockLinear(layout.sender, layout.sender)
        self.tp = Constants(layout.middle.dim)
        self.fc = RadialNetwork(config.num_basis, layout.weights)
        self.lin2 = BlockLinear(layout.middle, output)
        self.lin3 = BlockLinear(layout.middle, Row.of([(1, SCALAR)]))

    def mix(self, receivers: Tensor, message: Tensor, angle: Tensor) -> Tensor:
        """cos(a) sc(h) + sin(a) message, the sine 1 where sc has no output.

        Shapes: receivers (n, receiver.dim), message (n, output.dim), angle (n, 1) before its factor 1/10.
        """
        angle = 0.1 * angle
        mask = self.sc.output_mask
        return angle.cos() * self.sc(receivers) + ((1 - mask) + angle.sin() * mask) * message


class Gate(nn.Module):
    """Activated scalars, and blocks of higher degree times their activated gates."""

    def __init__(self, layout: GateLayout) -> None:
        super().__init__()
        self.layout = layout
        self.mul = Constants(sum(mul * irrep.dim for mul, irrep in layout.gated))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs.dim) -> (n, outputs.dim)."""
        results = []
        for mul, irrep in self.layout.scalars:
            block = self.layout.inputs.find(irrep)
            assert block is not None
            values = x[:, block.start : block.start + mul]
            results.append(silu(values) if irrep.scalar else tanh(values))
        even = self.layout.inputs.find(SCALAR)
        assert even is not None
        gates = sigmoid(x[:, even.start + even.mul - self.layout.gates : even.start + even.mul])
        used = 0
        for mul, irrep in self.layout.gated:
            block = self.layout.inputs.find(irrep)
            assert block is not None
            values = x[:, block.part].reshape(len(x), mul, irrep.dim)
            results.append((values * gates[:, used : used + mul, None]).reshape(len(x), -1))
            used += mul
        return torch.cat(results, dim=1)
