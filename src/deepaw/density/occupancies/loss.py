"""Error of predicted occupancies as a loss, the same in every orientation of the structure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.targets import Targets, multiplicities

SMALLEST_ERROR = 1e-12
"""Added under the root of a norm, whose derivative at zero is then zero."""


class OccupancyLoss:
    """Mean over atoms of  sum_k n_k |dx_k| / <sum_k n_k |x_k|>,  |.| over the 2 L + 1 components of a row k.

    n_k: how often the row is in D; the mean in the denominator is over the element's atoms in `structures`.
    """

    def __init__(self, readout: OccupancyReadout, structures: Sequence[Targets]) -> None:
        like = readout.mean
        self._weights = {
            symbol: [torch.from_numpy(rows).to(like) for rows in by_degree]
            for symbol, by_degree in multiplicities(readout).items()
        }
        self._sizes = {}
        for symbol in readout.channels:
            parts = [targets[symbol].blocks for targets in structures if symbol in targets]
            self._sizes[symbol] = torch.cat([self._norms(symbol, blocks) for blocks in parts]).mean()

    def __call__(self, predicted: dict[str, tuple[Tensor, list[Tensor]]], targets: Targets) -> Tensor:
        """Loss of one structure, a scalar; `predicted` is what the readout gives for its atoms."""
        errors = []
        for symbol, (_, blocks) in predicted.items():
            differences = [a.float() - b for a, b in zip(blocks, targets[symbol].blocks, strict=True)]
            errors.append(self._norms(symbol, differences) / self._sizes[symbol])
        return torch.cat(errors).mean()

    def _norms(self, symbol: str, blocks: Sequence[Tensor]) -> Tensor:
        """(n,), the sum over rows."""
        norms = [
            (block.square().sum(dim=-1) + SMALLEST_ERROR).sqrt() @ weight
            for block, weight in zip(blocks, self._weights[symbol], strict=True)
        ]
        return torch.stack(norms).sum(dim=0)
