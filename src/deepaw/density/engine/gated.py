"""The engine for gated networks: weights and a structure in, the density at the points of a tile out."""

from __future__ import annotations

import copy

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from deepaw.density.engine.equivariant import EquivariantPart, EquivariantProbes
from deepaw.density.engine.features import atom_features
from deepaw.density.engine.invariant import InvariantProbes
from deepaw.density.engine.precision import Precision
from deepaw.density.engine.tiles import CPU_TILES, DENSE_CPU_TILES, GPU_TILES, Tile
from deepaw.density.model.gated import GatedNetwork
from deepaw.structure.neighbours import atom_edges


class GatedEvaluator:
    """Density of a gated network.

    Frozen: with a precision, weights are read once and nothing carries gradients. Trainable: with precision None,
    gradients reach the weights, and `refresh` has to be called after every change of them.
    """

    def __init__(self, network: GatedNetwork, precision: Precision | None) -> None:
        self.cutoff = network.cutoff
        on_cpu = CPU_TILES if network.local is None else DENSE_CPU_TILES
        self.tile_size = GPU_TILES if next(network.parameters()).is_cuda else on_cpu
        self.outputs = network.config.outputs
        self.invariant = network.invariant
        self._network = network if precision is None else copy.deepcopy(network).requires_grad_(False)
        probes = InvariantProbes if network.local is None else EquivariantProbes
        self._probes: InvariantProbes | EquivariantProbes = probes(self._network, precision)

    def refresh(self) -> None:
        """Read the weights again: once an optimisation step, before its structures are prepared."""
        self._probes.refresh()

    def prepare(self, atoms: Atoms) -> Tensor | EquivariantPart:
        """Everything that depends on the atoms only."""
        numbers = torch.from_numpy(atoms.numbers.astype(np.int64))
        features = atom_features(self._network.atom_model, numbers, atom_edges(atoms, self.cutoff))
        layers = self._network.probe_model.layers()
        return self._probes.prepare([interaction.lin1(x) for (interaction, _), x in zip(layers, features, strict=True)])

    def evaluate(self, part: Tensor | EquivariantPart, tile: Tile) -> Tensor:
        """The density at the points of a tile, (n, 1) e/A^3, or (n, 2) with spin: total and magnetisation."""
        channels = self._probes.evaluate(part, tile)  # type: ignore[arg-type]
        if self.outputs == 1:
            return channels
        up, down = channels.unbind(-1)
        return torch.stack((up + down, up - down), dim=-1)
