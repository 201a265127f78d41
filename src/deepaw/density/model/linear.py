"""Maps that mix the copies of equal irreps, in plain torch with e3nn's weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from deepaw.density.model.layout import Row


class BlockLinear(nn.Module):
    """Output block o = sum over input blocks i of its irrep of x_i W_io / sqrt(total copies in).

    `weight` is flat: input block after input block, (copies in, copies out). `output_mask` is 1 where an output has
    any input.
    """

    output_mask: Tensor

    def __init__(self, inputs: Row, outputs: Row, bias: bool = False) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.pieces: list[tuple[int, int, slice]] = []
        start = 0
        mask = torch.zeros(outputs.dim)
        for i, source in enumerate(inputs.blocks):
            for o, target in enumerate(outputs.blocks):
                if source.irrep == target.irrep:
                    size = source.mul * target.mul
                    self.pieces.append((i, o, slice(start, start + size)))
                    start += size
                    mask[target.part] = 1
        self.weight = nn.Parameter(torch.randn(start))
        if bias:  # an empty tensor in every checkpoint
            self.register_buffer("bias", torch.zeros(0))
        self.register_buffer("output_mask", mask)

    def matrix(self, o: int) -> tuple[list[int], Tensor] | None:
        """The input blocks that output block o reads and their weights, scaled, stacked: (copies in, copies out)."""
        target = self.outputs.blocks[o]
        used = [(i, part) for i, out, part in self.pieces if out == o]
        if not used:
            return None
        stacked = torch.cat([self.weight[part].view(-1, target.mul) for _, part in used])
        return [i for i, _ in used], stacked / stacked.shape[0] ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs.dim) -> (n, outputs.dim)."""
        results = []
        for o, target in enumerate(self.outputs.blocks):
            found = self.matrix(o)
            if found is None:
                results.append(x.new_zeros(len(x), target.dim))
                continue
            used, weights = found
            dim = target.irrep.dim
            blocks = [self.inputs.blocks[i] for i in used]
            stacked = torch.cat([x[:, b.part].reshape(len(x), b.mul, dim) for b in blocks], dim=1)
            mixed = torch.einsum("num,uv->nvm", stacked, weights) if dim > 1 else (stacked[..., 0] @ weights)
            results.append(mixed.reshape(len(x), target.dim))
        return torch.cat(results, dim=1)


class Constants(nn.Module):
    """The place of a module without weights in a checkpoint: an empty `weight` and a mask of ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(0))
        self.register_buffer("output_mask", torch.ones(width))


def normalised(activation: Callable[[Tensor], Tensor], scale: float) -> Callable[[Tensor], Tensor]:
    """An activation times its constant."""
    return lambda x: activation(x) * scale


# Activations are scaled so that a normally distributed input gives a mean square of 1. Published weights were trained
# with the constants e3nn estimates from one fixed sample of 10^6 numbers, so these are those, not the exact integrals.
silu = normalised(torch.nn.functional.silu, 1.6791767923989418)
tanh = normalised(torch.tanh, 1.5937334472592695)
sigmoid = normalised(torch.sigmoid, 1.8467055342154763)
