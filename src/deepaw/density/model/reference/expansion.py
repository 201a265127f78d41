"""The multipole-expansion network on e3nn, edge by edge and pair by pair."""

from __future__ import annotations

from math import sqrt

import torch
from ase import Atoms
from e3nn import o3
from torch import Tensor, nn

from deepaw.density.model.expansion import INITIAL_SCALE, ExpansionLayer, ExpansionNetwork
from deepaw.density.model.multipoles import density_of_pairs
from deepaw.density.model.radial import envelope
from deepaw.structure.neighbours import atom_edges


def reference_density(network: ExpansionNetwork, atoms: Atoms, atom: Tensor, vectors: Tensor) -> Tensor:
    """What each pair of an atom (npairs,) and a point at `vectors` (npairs, 3), A, from it adds: (npairs,) e/A^3."""
    return density_of_pairs(network.config.splines, reference_coefficients(network, atoms), atom, vectors)


def reference_coefficients(network: ExpansionNetwork, atoms: Atoms) -> Tensor:
    """The same as `network(network.graph(atoms))`, (natoms, coefficient_count)."""
    config = network.config
    edges = atom_edges(atoms, config.cutoff, network.embedding.dtype)
    length = edges.vectors.norm(dim=-1)
    harmonics = o3.spherical_harmonics(
        list(range(config.lmax + 1)), edges.vectors, normalize=True, normalization="component"
    )
    radial, fade = network.basis(length), envelope(length, config.cutoff).unsqueeze(-1)
    species = network.species_of_number[torch.from_numpy(atoms.numbers)]
    features = [network.embedding[species].unsqueeze(-1)]
    total: list[Tensor] | None = None
    for number, layer in enumerate(network.layers):
        assert isinstance(layer, ExpansionLayer)
        weights = layer.radial(radial) * fade
        features = _layer(layer, features, species, edges.sender, edges.receiver, harmonics, weights)
        part = _readout(network, number, features, species)
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    assert total is not None
    total[0] = total[0] + network.species_bias[species].unsqueeze(-1)
    return INITIAL_SCALE * torch.cat([block.flatten(1) for block in total], dim=-1)


def _layer(
    layer: ExpansionLayer,
    features: list[Tensor],
    species: Tensor,
    sender: Tensor,
    receiver: Tensor,
    harmonics: Tensor,
    weights: Tensor,
) -> list[Tensor]:
    """The equations of `ExpansionLayer`, tensor product by tensor product."""
    natoms, channels, degrees = len(species), features[0].shape[1], layer.node_paths.lmax1 + 1
    sent = [_mix(weight, block) for weight, block in zip(layer.lin1.weights, features, strict=False)]
    radial = weights.unflatten(-1, (channels, -1))
    messages, path = [], 0
    for l3, pairs in enumerate(layer.edge_paths.by_degree()):
        reached = []
        for l1, l2 in pairs:
            y = harmonics[:, l2**2 : (l2 + 1) ** 2]
            edge = _product(l1, l2, l3, sent[l1][sender], y.unsqueeze(1).expand(-1, channels, -1))
            edge = edge * radial[:, :, path, None]
            reached.append(edge.new_zeros(natoms, channels, 2 * l3 + 1).index_add(0, receiver, edge) * layer.scale)
            path += 1
        message = _mix(layer.lin2.weights[l3], torch.stack(reached, dim=2).flatten(1, 2))
        messages.append(message * layer.message_scale[species][:, l3, :, None])
    mixed = []
    for l3, pairs in enumerate(layer.node_paths.by_degree()):
        squares = [_product(l1, l2, l3, messages[l1], messages[l2]) for l1, l2 in pairs]
        block = messages[l3] + _mix(layer.lin3.weights[l3], torch.stack(squares, dim=2).flatten(1, 2))
        if l3 < len(features):
            block = block + _mix(layer.own.weights[l3], features[l3]) * layer.own_scale[species][:, l3, :, None]
        mixed.append(block)
    gates = 2 * torch.sigmoid(layer.gates(mixed[0][:, :, 0])).view(natoms, degrees - 1, channels, 1)
    return [nn.functional.silu(mixed[0]), *(gates[:, l3 - 1] * mixed[l3] for l3 in range(1, degrees))]


def _readout(network: ExpansionNetwork, number: int, features: list[Tensor], species: Tensor) -> list[Tensor]:
    """What the features after one layer add to the coefficients of every degree."""
    channels = network.config.channels
    columns = slice(number * channels, (number + 1) * channels)
    result = []
    for shared, own, block in zip(network.readout.weights, network.species_readout, features, strict=True):
        matrix = (shared + own[species])[:, :, columns] / sqrt(shared.shape[1])
        result.append(torch.einsum("noi,nim->nom", matrix, block))
    return result


def _mix(weight: Tensor, block: Tensor) -> Tensor:
    return torch.einsum("oi,nim->nom", weight, block) / sqrt(weight.shape[1])


def _product(l1: int, l2: int, l3: int, a: Tensor, b: Tensor) -> Tensor:
    """(n, c, 2 l1 + 1) x (n, c, 2 l2 + 1) -> (n, c, 2 l3 + 1), copy by copy, unit variance kept."""
    irreps = [o3.Irreps([(1, (degree, (-1) ** degree))]) for degree in (l1, l2, l3)]
    couple = o3.TensorProduct(*irreps, [(0, 0, 0, "uuu", False)], irrep_normalization="component").to(a.dtype)
    return couple(a.flatten(0, 1), b.flatten(0, 1)).unflatten(0, a.shape[:2])
