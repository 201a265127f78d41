"""The atoms' features: the atom network, edge by edge in chunks, in plain torch."""

from __future__ import annotations

from functools import cache
from math import sqrt

import torch
from torch import Tensor

from deepaw.density.engine.threads import map_in_threads
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.gated import LayeredNetwork
from deepaw.density.model.interaction import Interaction
from deepaw.density.model.layout import SPECIES, InteractionLayout, Path
from deepaw.density.model.radial import envelope
from deepaw.equivariant import spherical_harmonics, wigner_3j
from deepaw.structure.neighbours import Edges

COINCIDENT = 1e-6
"""A: a point this near to a nucleus sits on it, and the direction to it is zero rather than rounding noise."""

CHUNK = 2**22
"""Numbers that the messages of one chunk of edges may take: memory is bounded whatever the number of atoms."""


def directions(vector: Tensor, length: Tensor) -> Tensor:
    """Unit vectors (..., 3), zero where a point sits on a nucleus."""
    return torch.where((length > COINCIDENT).unsqueeze(-1), vector / length.clamp(min=COINCIDENT).unsqueeze(-1), 0.0)


@cache
def coupling(l1: int, l2: int, l3: int) -> Tensor:
    """sqrt(2 l3 + 1) times the Wigner 3j symbol: the path's coefficient, float64."""
    return wigner_3j(l1, l2, l3) * sqrt(2 * l3 + 1)


def atom_features(network: LayeredNetwork, numbers: Tensor, edges: Edges) -> list[Tensor]:
    """Features of the atoms after every layer.

    Args:
        network: the atom network; its weights fix dtype and device. Differentiable in them.
        numbers: (n,) int64 atomic numbers.
        edges: every pair within the cutoff, vectors float64.

    Returns:
        One (n, outputs.dim) per layer.
    """
    weight = network.basis.mean
    edges = Edges(*(values.to(weight.device) for values in (edges.sender, edges.receiver, edges.vectors)))
    length = edges.vectors.norm(dim=-1)
    harmonics = spherical_harmonics(network.config.lmax, directions(edges.vectors, length)).to(weight)
    length = length.to(weight)
    features = torch.nn.functional.one_hot(numbers.to(weight.device), SPECIES).to(weight)
    results = []
    for interaction, gate in network.layers():
        total = _summed_messages(network, interaction, features, edges, harmonics, length)
        mixed = interaction.mix(features, interaction.lin2(total), interaction.lin3(total))
        features = gate(mixed)
        results.append(features)
    return results


def _summed_messages(
    network: LayeredNetwork, interaction: Interaction, features: Tensor, edges: Edges, harmonics: Tensor, length: Tensor
) -> Tensor:
    """sum_j tp(lin1(h_j), Y_ij; fc(r_ij)) / sqrt(num_neighbors), (n, middle.dim)."""
    layout = interaction.layout
    inputs = interaction.lin1(features)
    total = inputs.new_zeros(len(features), layout.middle.dim)
    chunk = max(1, CHUNK // layout.middle.dim)
    trained = interaction.fc.layer1.weight.requires_grad

    def summed(start: int) -> tuple[slice, Tensor]:
        """The chunk's messages to its receivers, which follow one another."""
        part = slice(start, start + chunk)
        radial = _radial_weights(network, interaction, length[part])
        messages = _tensor_product(layout, inputs[edges.sender[part]], harmonics[part], radial)
        receiver = edges.receiver[part]
        first, last = int(receiver[0]), int(receiver[-1])
        rows = messages.new_zeros(last - first + 1, messages.shape[1])
        return slice(first, last + 1), rows.index_add_(0, receiver - first, messages)

    starts = range(0, len(edges.sender), chunk)
    # autograd, and a GPU, do better in one thread
    for rows, messages in map(summed, starts) if trained or total.is_cuda else map_in_threads(summed, starts):
        total[rows] += messages
    return total


def _radial_weights(network: LayeredNetwork, interaction: Interaction, length: Tensor) -> Tensor:
    hidden = interaction.fc.hidden(network.basis(length)) * edge_scale(network.config, length).unsqueeze(-1)
    return interaction.fc.layer1(hidden)


def edge_scale(config: GatedConfig, length: Tensor) -> Tensor:
    """What every message is multiplied by: the envelope, and 1 / sqrt(num_neighbors)."""
    scale = config.num_neighbors**-0.5
    return envelope(length, config.cutoff) * scale if config.envelope else torch.full_like(length, scale)


def _tensor_product(layout: InteractionLayout, senders: Tensor, harmonics: Tensor, radial: Tensor) -> Tensor:
    """The channel-wise product: senders (e, sender.dim), harmonics (e, (lmax + 1)^2), radial (e, weights)."""
    pieces: list[Tensor] = [senders] * len(layout.paths)
    for i, block in enumerate(layout.sender.blocks):
        paths = [path for path in layout.paths if path.sender == i]
        if not paths:
            continue
        matrix, columns = _couplings(layout, paths, block.irrep.degree)
        coupled = (harmonics @ matrix.to(harmonics)).view(len(senders), block.irrep.dim, -1)
        product = senders[:, block.part].reshape(-1, block.mul, block.irrep.dim) @ coupled
        for path, column in zip(paths, columns, strict=True):
            weights = radial[:, path.weight : path.weight + block.mul]
            pieces[path.middle] = (product[:, :, column] * weights.unsqueeze(-1)).flatten(1)
    return torch.cat(pieces, dim=1)


def _couplings(layout: InteractionLayout, paths: list[Path], degree: int) -> tuple[Tensor, list[slice]]:
    """((lmax + 1)^2, (2 l1 + 1) D): the paths from one sender block side by side, and the columns of D of each."""
    parts, columns, start = [], [], 0
    for path in paths:
        irrep = layout.middle.blocks[path.middle].irrep
        values = torch.zeros((layout.lmax + 1) ** 2, 2 * degree + 1, irrep.dim, dtype=torch.float64)
        values[path.edge**2 : (path.edge + 1) ** 2] = coupling(degree, path.edge, irrep.degree).transpose(0, 1)
        parts.append(values)
        columns.append(slice(start, start + irrep.dim))
        start += irrep.dim
    return torch.cat(parts, dim=2).flatten(1), columns
