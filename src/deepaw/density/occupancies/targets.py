"""What a readout learns: components of the atoms of structures, by element and degree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.occupancies.coupling import coupling_of
from deepaw.density.occupancies.data import AtomicMatrices
from deepaw.density.occupancies.readout import OccupancyReadout

SMALLEST_SCALE = 1e-4
"""Least scale of a row, relative to the mean norm of the element's components: for rows that hardly vary."""


@dataclass(frozen=True)
class ElementTargets:
    """Atoms of one element in a structure: indices (n,) and, for every degree, components (n, rows, 2 L + 1)."""

    atoms: Tensor
    blocks: list[Tensor]


Targets = dict[str, ElementTargets]


def targets_of(matrices: AtomicMatrices, symbols: Sequence[str], readout: OccupancyReadout) -> Targets:
    """Components of a structure's matrices, of the elements and degrees of the readout, on its device in its dtype."""
    like = readout.mean
    result = {}
    for symbol, channels in readout.channels.items():
        found = np.array([atom for atom, other in enumerate(symbols) if other == symbol])
        if not len(found):
            continue
        coupling = coupling_of(channels.degrees)
        blocks = coupling.split(coupling.couple(np.stack([matrices.matrices[atom] for atom in found])))
        result[symbol] = ElementTargets(
            torch.from_numpy(found).to(like.device),
            [torch.from_numpy(block).to(like) for block in blocks[: readout.lmax + 1]],
        )
    return result


def set_statistics(readout: OccupancyReadout, structures: Sequence[Targets]) -> None:
    """Set means and scales of all rows to those of the structures; the weights stay."""
    for element in readout.elements:
        found = [targets[element.symbol] for targets in structures if element.symbol in targets]
        blocks = [torch.cat(parts) for parts in zip(*(part.blocks for part in found), strict=True)]
        mean = blocks[0][..., 0].mean(dim=0)
        readout.mean[element.rows[0]] = mean
        size = torch.cat([block.flatten(1) for block in blocks], dim=1).norm(dim=1).mean()
        for total, rows in enumerate(element.rows):
            deviation = blocks[total] - mean[:, None] if total == 0 else blocks[total]
            scale = deviation.square().mean(dim=(0, 2)).sqrt().clamp(min=float(SMALLEST_SCALE * size))
            readout.scales[total].data[rows] = scale


def multiplicities(readout: OccupancyReadout) -> Mapping[str, list[NDArray[np.float64]]]:
    """How often every row counts in |D|^2, by symbol and degree."""
    result = {}
    for symbol, channels in readout.channels.items():
        coupling = coupling_of(channels.degrees)
        result[symbol] = np.split(coupling.multiplicity, np.cumsum(coupling.counts)[:-1])[: readout.lmax + 1]
    return result
