"""F_nonlocal and F_local, from a structure to the density at some points."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from deepaw.density.model.config import GatedConfig
from deepaw.density.model.local import LocalCorrection
from deepaw.density.model.radial import RadialBasis
from deepaw.density.model.reference.edges import Edges, all_edges
from deepaw.density.model.reference.interaction import SCALAR, Interaction, hidden_irreps, make_gate

SPECIES = 119
"""Atomic numbers 0..118, one-hot."""


class _InteractionBlock(nn.Module):
    """Names the layers as published checkpoints do."""

    def __init__(self, convolutions: list[Interaction], gates: list[nn.Module]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.gates = nn.ModuleList(gates)


class _Network(nn.Module):
    """What the atom and the probe network share: layers of interaction and gate."""

    def __init__(self, senders: list[o3.Irreps] | None, start: o3.Irreps, config: GatedConfig) -> None:
        super().__init__()
        self.config = config
        self.basis = RadialBasis(config.num_basis, config.cutoff, config.basis)
        harmonics = o3.Irreps.spherical_harmonics(config.lmax)
        irreps, convolutions, gates = start, [], []
        self.irreps: list[o3.Irreps] = []
        for layer in range(config.num_interactions):
            gate = make_gate(irreps, harmonics, hidden_irreps(config))
            sender = irreps if senders is None else senders[layer]
            convolutions.append(Interaction(sender, irreps, harmonics, gate.irreps_in, config))
            gates.append(gate)
            irreps = gate.irreps_out
            self.irreps.append(irreps)
        self.interaction_block = _InteractionBlock(convolutions, gates)

    def layers(self, senders: list[Tensor] | None, receivers: Tensor, edges: Edges) -> list[Tensor]:
        """The receivers' features after every layer."""
        harmonics = o3.spherical_harmonics(
            list(range(self.config.lmax + 1)), edges.direction, normalize=True, normalization="component"
        )
        radial = self.basis(edges.length)
        outputs = []
        for i, (interaction, gate) in enumerate(
            zip(self.interaction_block.convolutions, self.interaction_block.gates, strict=True)
        ):
            source = receivers if senders is None else senders[i]
            receivers = gate(interaction(source, receivers, edges, harmonics, radial))
            outputs.append(receivers)
        return outputs


class _ProbeNetwork(_Network):
    def __init__(self, senders: list[o3.Irreps], config: GatedConfig) -> None:
        super().__init__(senders, o3.Irreps("0e"), config)
        self.readout = o3.Linear(self.irreps[-1], o3.Irreps([(config.outputs, SCALAR)]))


class ReferenceNetwork(nn.Module):
    """F_nonlocal, plus F_local where the configuration has it.

    The state dict has the published names: `atom_model.*` and `probe_model.*` of f_nonlocal, `local.*` holds f_local.
    e3nn keeps its coupling coefficients in the default dtype at construction: build under float64 for float64 answers.
    """

    def __init__(self, config: GatedConfig) -> None:
        super().__init__()
        self.config = config
        self.atom_model = _Network(None, o3.Irreps([(SPECIES, SCALAR)]), config)
        self.probe_model = _ProbeNetwork(self.atom_model.irreps, config)
        width = self.probe_model.irreps[-1].dim
        self.local = LocalCorrection(width, config.outputs, config.local) if config.local else None

    def representation(
        self, numbers: Tensor, positions: Tensor, cell: Tensor, pbc: tuple[bool, bool, bool], points: Tensor
    ) -> Tensor:
        """The probes' features after the last layer, (p, width); arguments as in `forward`."""
        among = all_edges(positions, cell, pbc, positions, self.config.cutoff, itself=False)
        to_points = all_edges(positions, cell, pbc, points, self.config.cutoff, itself=True)
        species = torch.nn.functional.one_hot(numbers, SPECIES).to(positions)
        atoms = self.atom_model.layers(None, species, among)
        return self.probe_model.layers(atoms, positions.new_zeros(len(points), 1), to_points)[-1]

    def forward(
        self, numbers: Tensor, positions: Tensor, cell: Tensor, pbc: tuple[bool, bool, bool], points: Tensor
    ) -> Tensor:
        """The density.

        Args:
            numbers: (n,) int64, atomic numbers.
            positions (n, 3), cell (3, 3), points (p, 3): A, of the dtype of the weights.
            pbc: the directions the structure repeats along.

        Returns:
            (p, 1) e/A^3, or (p, 2) with spin: total density and magnetisation.
        """
        representation = self.representation(numbers, positions, cell, pbc, points)
        output = self.probe_model.readout(representation)
        if self.local is not None:
            output = output + self.local(representation)
        return up_and_down_to_total(output) if self.config.spin else output


def up_and_down_to_total(channels: Tensor) -> Tensor:
    """(p, 2) densities of spin up and down -> (p, 2) their sum and their difference."""
    up, down = channels.unbind(-1)
    return torch.stack((up + down, up - down), dim=-1)
