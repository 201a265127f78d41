"""Error of predicted occupancies as a loss, the same in every orientation of the structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deepaw.density.occupancies.readout import Components, OccupancyReadout
from deepaw.density.occupancies.targets import Targets, multiplicities

SMALLEST_ERROR = 1e-12
"""Added under the root of a norm, whose derivative at zero is then zero."""


class OccupancyLoss:
    """Mean over atoms of  sum_k n_k |dx_k| / <sum_k n_k |x_k|>,  |.| over the 2 L + 1 components of a row k.

    n_k: how often the row is in D; the mean in the denominator is over the element's atoms in `structures`.
    """

    def __init__(self, readout: OccupancyReadout, structures: Sequence[Targets]) -> None:
        self._like = like = readout.mean
        self._weights = {
            symbol: [torch.from_numpy(rows).to(like) for rows in by_degree]
            for symbol, by_degree in multiplicities(readout).items()
        }
        self._sizes = {}
        for symbol in readout.channels:
            parts = [targets[symbol].blocks for targets in structures if symbol in targets]
            self._sizes[symbol] = torch.cat([self._norms(symbol, blocks) for blocks in parts]).mean()

    def __call__(self, predicted: Components, sizes: Sequence[int], targets: Sequence[Targets | None]) -> Tensor:
        """Sum of the losses of some structures, a scalar; a structure without targets adds nothing.

        predicted: what the readout gives for the atoms of all, one structure after another. sizes: their atoms.
        """
        structure = np.repeat(np.arange(len(sizes)), sizes)
        counts = [0 if of_one is None else sum(len(part.atoms) for part in of_one.values()) for of_one in targets]
        known = np.array(counts) > 0
        share = np.divide(1.0, counts, out=np.zeros(len(counts)), where=known)
        total = self._like.new_zeros(())
        for symbol, (atoms, blocks) in predicted.items():
            owner = structure[atoms.cpu().numpy()]
            rows = torch.from_numpy(np.flatnonzero(known[owner])).to(atoms.device)
            if not len(rows):
                continue
            parts = [of_one[symbol].blocks for of_one in targets if of_one is not None and symbol in of_one]
            references = [torch.cat(of_degree) for of_degree in zip(*parts, strict=True)]
            differences = [a[rows].float() - b for a, b in zip(blocks, references, strict=True)]
            weights = torch.from_numpy(share[owner[known[owner]]]).to(self._like)
            total = total + (self._norms(symbol, differences) / self._sizes[symbol]) @ weights
        return total

    def _norms(self, symbol: str, blocks: Sequence[Tensor]) -> Tensor:
        """(n,), the sum over rows."""
        norms = [
            (block.square().sum(dim=-1) + SMALLEST_ERROR).sqrt() @ weight
            for block, weight in zip(blocks, self._weights[symbol], strict=True)
        ]
        return torch.stack(norms).sum(dim=0)
