"""Linear equivariant readout of occupancies from the features of the expansion network.

    x[z, L, k] = mean_z[k] + bias_z[k] (both for L = 0) + scale_z[L, k] sum_c W_z[L, k, c] h[L, c] / sqrt(channels)

for an atom of element z with features h of all layers; k counts pairs of channels that couple to L. Degrees above those
of the features are zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from ase.data import atomic_numbers
from numpy.typing import NDArray
from torch import Tensor, nn

from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.coupling import coupling_of

Array = NDArray[np.float64]

Components = dict[str, tuple[Tensor, list[Tensor]]]
"""By symbol, indices (n,) of the atoms and for every degree L their components (n, rows, 2 L + 1)."""


@dataclass(frozen=True)
class ElementRows:
    """Rows of an element among those of all, for every degree of the readout."""

    symbol: str
    rows: tuple[slice, ...]


class OccupancyReadout(nn.Module):
    """Weights W, scales, biases and means (of the training data) of all elements, rows of one degree in one tensor,
    elements by atomic number.

    channels: of each element. features: channels of the network's features, all layers together; lmax: their degree.
    """

    mean: Tensor

    def __init__(self, channels: Mapping[str, Channels], features: int, lmax: int) -> None:
        super().__init__()
        self.channels = {symbol: channels[symbol] for symbol in sorted(channels, key=atomic_numbers.__getitem__)}
        self.lmax = lmax
        starts = [0] * (lmax + 1)
        self.elements: list[ElementRows] = []
        for symbol, of_element in self.channels.items():
            counts = coupling_of(of_element.degrees).counts[: lmax + 1]
            rows = tuple(slice(start, start + count) for start, count in zip(starts, counts, strict=False))
            self.elements.append(ElementRows(symbol, rows))
            starts = [start + count for start, count in zip(starts, counts + [0] * lmax, strict=False)]
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(count, features)) for count in starts)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(count), requires_grad=False) for count in starts)
        self.bias = nn.Parameter(torch.zeros(starts[0]))
        self.register_buffer("mean", torch.zeros(starts[0]))

    def forward(self, features: Sequence[Tensor], numbers: NDArray[np.int64]) -> Components:
        """Components of all atoms whose element has occupancies.

        features: for every degree (natoms, features, 2 l + 1). numbers: (natoms,), atomic numbers.
        """
        result = {}
        for element in self.elements:
            found = np.flatnonzero(numbers == atomic_numbers[element.symbol])
            if len(found):
                atoms = torch.from_numpy(found).to(features[0].device)
                result[element.symbol] = (atoms, self.components(element, [block[atoms] for block in features]))
        return result

    def components(self, element: ElementRows, features: Sequence[Tensor]) -> list[Tensor]:
        """Components of atoms of one element, for every degree (n, rows, 2 L + 1)."""
        blocks = []
        for total, rows in enumerate(element.rows):
            weight = self.weights[total][rows] * (self.scales[total][rows, None] / sqrt(features[total].shape[1]))
            block = torch.einsum("kc,ncm->nkm", weight, features[total])
            blocks.append(block + (self.mean + self.bias)[rows, None] if total == 0 else block)
        return blocks

    def matrices(self, features: Sequence[Tensor], numbers: NDArray[np.int64]) -> list[Array | None]:
        """Density matrix D (ni, ni), float64, of every atom; None where its element has no occupancies."""
        result: list[Array | None] = [None] * len(numbers)
        for symbol, (atoms, blocks) in self(features, numbers).items():
            coupling = coupling_of(self.channels[symbol].degrees)
            joined = coupling.join([block.detach().cpu().double().numpy() for block in blocks])
            for atom, matrix in zip(atoms.tolist(), coupling.uncouple(joined), strict=True):
                result[atom] = matrix
        return result

    def mean_matrix(self, symbol: str) -> Array:
        """D (ni, ni) of the mean of the training data."""
        element = next(element for element in self.elements if element.symbol == symbol)
        coupling = coupling_of(self.channels[symbol].degrees)
        mean = self.mean[element.rows[0]].detach().cpu().double().numpy()
        return coupling.uncouple(coupling.join([mean[None, :, None]])[0])
