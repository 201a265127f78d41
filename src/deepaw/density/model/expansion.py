"""The multipole-expansion network: atoms in, coefficients of the density's atom-centred multipoles out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from ase import Atoms
from torch import Tensor, nn

from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.radial import RadialBasis, envelope
from deepaw.equivariant import spherical_harmonics
from deepaw.equivariant.paths import ProductPaths
from deepaw.structure.neighbours import atom_edges

INITIAL_SCALE = 0.03
"""Size of the first predicted coefficients: small beside the fitted atoms that the network corrects."""


EDGES, NODES = 4096, 512
"""Edges and atoms worked on at a time: memory grows with the features of the atoms and with nothing else."""


@dataclass(frozen=True)
class AtomGraph:
    """What the network reads of one or several structures; it depends on positions alone.

    species: (natoms,) index into the elements; sender, receiver: (nedges,); radial: (nedges, num_basis);
    fade: (nedges, 1), the cutoff envelope; angular: (nedges, (lmax + 1)^2).
    """

    species: Tensor
    sender: Tensor
    receiver: Tensor
    radial: Tensor
    fade: Tensor
    angular: Tensor

    @staticmethod
    def join(graphs: Sequence[AtomGraph]) -> AtomGraph:
        """Several structures as one graph without edges between them."""
        first = np.cumsum([0, *(len(graph.species) for graph in graphs)])[:-1]
        return AtomGraph(
            torch.cat([graph.species for graph in graphs]),
            torch.cat([graph.sender + int(start) for graph, start in zip(graphs, first, strict=True)]),
            torch.cat([graph.receiver + int(start) for graph, start in zip(graphs, first, strict=True)]),
            torch.cat([graph.radial for graph in graphs]),
            torch.cat([graph.fade for graph in graphs]),
            torch.cat([graph.angular for graph in graphs]),
        )


class DegreewiseLinear(nn.Module):
    """One matrix for every degree: (n, inputs[l], 2 l + 1) -> (n, outputs[l], 2 l + 1), unit variance kept."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(outs, ins)) for ins, outs in zip(inputs, outputs, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [
            torch.einsum("oi,nim->nom", weight / sqrt(weight.shape[1]), block)
            for weight, block in zip(self.weights, features, strict=True)
        ]


class ExpansionLayer(nn.Module):
    """One message pass and one product of an atom's features with themselves.

    For atom i with features h (channel c, degree l; h of the first layer is an embedding of the species):

        A_i[c, p] = 1/sqrt(N) sum_j R_cp(r_ij) (lin1(h_j)[c, l1] x Y_l2(r_ij))_l3       paths p = (l1, l2) -> l3
        a_i       = lin2(A_i)
        h_i'      = gate( self_Z(h_i) + a_i + lin3((a_i x a_i)) )

    R is the radial MLP, self_Z a linear map scaled per species and channel. The product is what body order comes from
    (Drautz, Phys. Rev. B 99, 014104 (2019); Batatia et al., NeurIPS 2022, eq. 10).
    """

    edge_coupling: Tensor
    node_coupling: Tensor

    def __init__(self, config: ExpansionConfig, first: bool) -> None:
        super().__init__()
        channels, degrees = config.channels, config.lmax + 1
        self.scale = 1 / sqrt(config.num_neighbors)
        self.sender_lmax = 0 if first else min(config.sender_lmax, config.lmax)
        self.input_degrees = 1 if first else degrees
        self.edge_paths = ProductPaths(self.sender_lmax, config.lmax, config.lmax)
        self.node_paths = ProductPaths(config.lmax, config.lmax, config.lmax)
        every = [channels] * degrees
        self.lin1 = DegreewiseLinear([channels] * (self.sender_lmax + 1), [channels] * (self.sender_lmax + 1))
        self.radial = nn.Sequential(
            nn.Linear(config.num_basis, config.radial_hidden),
            nn.SiLU(),
            nn.Linear(config.radial_hidden, channels * sum(self.edge_paths.counts()), bias=False),
        )
        self.lin2 = DegreewiseLinear([channels * count for count in self.edge_paths.counts()], every)
        self.lin3 = DegreewiseLinear([channels * count for count in self.node_paths.counts()], every)
        self.own = DegreewiseLinear([channels] * self.input_degrees, [channels] * self.input_degrees)
        self.own_scale = nn.Parameter(torch.ones(len(config.elements), self.input_degrees, channels))
        self.message_scale = nn.Parameter(torch.ones(len(config.elements), degrees, channels))
        self.gates = nn.Linear(channels, channels * (degrees - 1))
        # float64, so that a network in double precision is one throughout
        self.register_buffer("edge_coupling", self.edge_paths.coupling(), persistent=False)
        self.register_buffer("node_coupling", self.node_paths.coupling(), persistent=False)

    def forward(self, features: list[Tensor], graph: AtomGraph) -> list[Tensor]:
        messages = self.lin2(self.convolution(self.lin1(features[: self.sender_lmax + 1]), graph))
        scale = self.message_scale[graph.species]
        messages = [block * scale[:, degree, :, None] for degree, block in enumerate(messages)]
        mixed = [a + b for a, b in zip(messages, self.lin3(self.square(messages)), strict=True)]
        own_scale = self.own_scale[graph.species]
        for degree, block in enumerate(self.own(features)):
            mixed[degree] = mixed[degree] + block * own_scale[:, degree, :, None]
        scalars = mixed[0][:, :, 0]
        gates = torch.sigmoid(self.gates(scalars)).view(len(scalars), len(mixed) - 1, scalars.shape[1]).unbind(1)
        return [
            nn.functional.silu(scalars).unsqueeze(-1),
            *(2 * gate.unsqueeze(-1) * block for gate, block in zip(gates, mixed[1:], strict=True)),
        ]

    def convolution(self, senders: list[Tensor], graph: AtomGraph) -> list[Tensor]:
        """A of the class's equation: for every l3 (natoms, channels * paths, 2 l3 + 1)."""
        natoms, channels = senders[0].shape[:2]
        counts = self.edge_paths.counts()
        # of the dtype of what is added up, which under autocast is not that of the senders
        sums = [
            graph.fade.new_zeros(natoms, channels * count * (2 * degree + 1)) for degree, count in enumerate(counts)
        ]
        coupling = self.edge_coupling.to(graph.angular.dtype).transpose(0, 1).flatten(1)
        flat = torch.cat(senders, dim=-1)
        for start in range(0, len(graph.sender), EDGES):
            edges = slice(start, start + EDGES)
            # Y is contracted first: that part is the same for all channels
            per_edge = (graph.angular[edges] @ coupling).unflatten(1, (flat.shape[-1], -1))
            product = self.edge_paths.split(flat[graph.sender[edges]] @ per_edge)
            radial = self.radial(graph.radial[edges]) * (graph.fade[edges] * self.scale)
            weights = radial.unflatten(-1, (channels, -1)).split(counts, dim=-1)
            for degree, (block, weight) in enumerate(zip(product, weights, strict=True)):
                weighted = (block * weight.unsqueeze(-1)).flatten(1)
                sums[degree] = sums[degree].index_add_(0, graph.receiver[edges], weighted)
        return [
            block.view(natoms, channels * count, 2 * degree + 1)
            for degree, (block, count) in enumerate(zip(sums, counts, strict=True))
        ]

    def square(self, messages: list[Tensor]) -> list[Tensor]:
        """(a x a) channel by channel: for every l3 (natoms, channels * paths, 2 l3 + 1)."""
        coupling = self.node_coupling.to(messages[0].dtype).flatten(0, 1)
        products = []
        for part in torch.cat(messages, dim=-1).split(NODES):
            outer = (part.unsqueeze(-1) * part.unsqueeze(-2)).flatten(-2)
            products.append(self.node_paths.split(outer @ coupling))
        return [torch.cat(blocks).flatten(1, 2) for blocks in zip(*products, strict=True)]


class ExpansionNetwork(nn.Module):
    """Layers of messages; every layer's features add to the coefficients through a linear readout per species."""

    species_of_number: Tensor

    def __init__(self, config: ExpansionConfig) -> None:
        super().__init__()
        self.config = config
        self.basis = RadialBasis(config.num_basis, config.cutoff, "bessel")
        self.embedding = nn.Parameter(torch.randn(len(config.elements), config.channels))
        self.layers = nn.ModuleList(
            ExpansionLayer(config, first=index == 0) for index in range(config.num_interactions)
        )
        counts = list(config.splines.counts)
        features = self.feature_count
        self.readout = DegreewiseLinear([features] * len(counts), counts)
        self.species_readout = nn.ParameterList(
            nn.Parameter(torch.zeros(len(config.elements), count, features)) for count in counts
        )
        self.species_bias = nn.Parameter(torch.zeros(len(config.elements), counts[0]))
        index = torch.full((max(config.elements) + 1,), -1)
        index[list(config.elements)] = torch.arange(len(config.elements))
        self.register_buffer("species_of_number", index, persistent=False)

    def graph(self, atoms: Atoms) -> AtomGraph:
        """The network's view of a structure, on the network's device and in its precision."""
        config, like = self.config, self.embedding
        edges = atom_edges(atoms, config.cutoff)
        r = edges.vectors.norm(dim=-1)
        species = self.species_of_number[torch.from_numpy(atoms.get_atomic_numbers()).to(self.species_of_number.device)]
        return AtomGraph(
            species,
            edges.sender.to(like.device),
            edges.receiver.to(like.device),
            self.basis(r.to(like)),
            envelope(r, config.cutoff).unsqueeze(-1).to(like),
            spherical_harmonics(config.lmax, edges.vectors).to(like),
        )

    @property
    def feature_count(self) -> int:
        """Features of every degree that `features` gives."""
        return self.config.channels * self.config.num_interactions

    def forward(self, graph: AtomGraph) -> Tensor:
        """Coefficients (natoms, coefficient_count), in the splines' units."""
        return self.coefficients(self.features(graph), graph)

    def features(self, graph: AtomGraph) -> list[Tensor]:
        """Features of all layers side by side, for every degree (natoms, feature_count, 2 l + 1)."""
        features = [self.embedding[graph.species].unsqueeze(-1)]
        outputs: list[list[Tensor]] = []
        for layer in self.layers:
            features = layer(features, graph)
            outputs.append(features)
        return [torch.cat([output[degree] for output in outputs], dim=1) for degree in range(self.config.lmax + 1)]

    def coefficients(self, blocks: list[Tensor], graph: AtomGraph) -> Tensor:
        """Coefficients (natoms, coefficient_count) of the atoms that have these features."""
        coefficients = self.readout(blocks)
        for degree, weight in enumerate(self.species_readout):
            own = torch.einsum("noi,nim->nom", weight[graph.species], blocks[degree])
            coefficients[degree] = coefficients[degree] + own / sqrt(weight.shape[-1])
        coefficients[0] = coefficients[0] + self.species_bias[graph.species].unsqueeze(-1)
        return torch.cat([block.flatten(1) for block in coefficients], dim=-1) * INITIAL_SCALE
