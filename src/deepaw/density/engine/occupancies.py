"""Occupancies of a structure by a model: one pass of the network over the atoms."""

from __future__ import annotations

import copy

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.occupancies.model import Occupancies


class OccupancyEvaluator:
    """Network and readout on a device."""

    def __init__(self, network: ExpansionNetwork, occupancies: Occupancies, device: torch.device) -> None:
        self._network = copy.deepcopy(network).to(device).requires_grad_(False)
        self._readout = copy.deepcopy(occupancies.readout).to(device).requires_grad_(False)

    @torch.no_grad()
    def matrices(self, atoms: Atoms) -> list[NDArray[np.float64] | None]:
        """D (ni, ni) of every atom, None where its element has none."""
        return self._readout.matrices(self._network.features(self._network.graph(atoms)), atoms.get_atomic_numbers())
