"""The density of a gated network without F_local: only invariant channels of the probes ever reach it.

A probe's features of degree l > 0, and its pseudoscalars, enter neither a tensor product (messages come from atoms) nor
the scalars of the next layer (self connections do not mix irreps). So per layer only the messages to the even scalars
and the mixing angle are needed, and a coupling to a scalar is an inner product of harmonics and atom features:

    q_c(p) = sum_a R_c(r_pa) sum_m Y_lm(r_pa) x_a,c,m        for every channel c of degree l and parity (-1)^l
    message(p) = q(p) W

For a tile this is two dense products, harmonics @ features and radial basis @ radial weights, multiplied and summed
over the atoms. All layers are done at once; the cost does not depend on the size of the cell.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.density.engine.features import coupling, edge_scale
from deepaw.density.engine.pairs import GroupedPairs, RadialFunctions, pair_geometry
from deepaw.density.engine.precision import Precision
from deepaw.density.engine.tiles import Tile
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.interaction import Interaction
from deepaw.density.model.layout import SCALAR, Block
from deepaw.density.model.linear import silu

CPU_CHUNK, GPU_CHUNK = 2**19, 2**27
"""Pairs of point and atom, times channels, worked on at once: what fits a core's cache, what keeps a GPU busy."""


@dataclass(frozen=True)
class InvariantLayer:
    """One interaction restricted to the probes' even scalars.

    blocks: the sender's blocks that couple to scalars; radial (HIDDEN, c): their radial weights, the coupling
    coefficients multiplied in; output (c, scalars + 1): lin2 and, last, lin3; self_connection (scalars
    before, scalars).
    """

    blocks: list[Block]
    radial: Tensor
    output: Tensor
    self_connection: Tensor


def invariant_layer(interaction: Interaction) -> InvariantLayer:
    """Pick the weights; differentiable in them."""
    layout = interaction.layout
    paths = sorted(
        (p for p in layout.paths if layout.middle.blocks[p.middle].irrep == SCALAR), key=lambda p: p.middle
    )  # fmt: skip
    blocks = [layout.sender.blocks[p.sender] for p in paths]
    layer1 = interaction.fc.layer1.weight / interaction.fc.layer1.weight.shape[0] ** 0.5
    radial = [
        layer1[:, p.weight : p.weight + b.mul] * float(coupling(b.irrep.degree, p.edge, 0)[0, 0, 0])
        for p, b in zip(paths, blocks, strict=True)
    ]
    scalars = next(mul for mul, irrep in layout.gate.scalars if irrep == SCALAR)
    even = next(o for o, block in enumerate(layout.gate.inputs.blocks) if block.irrep == SCALAR)
    output, angle, own = interaction.lin2.matrix(even), interaction.lin3.matrix(0), interaction.sc.matrix(even)
    assert output is not None and angle is not None and own is not None
    return InvariantLayer(
        blocks,
        torch.cat(radial, dim=1),
        torch.cat([output[1][:, :scalars], angle[1]], dim=1),
        own[1][:, :scalars],
    )


def sender_columns(layers: list[InvariantLayer], inputs: list[Tensor], size: int) -> Tensor:
    """The atoms' features as right-hand sides for the harmonics.

    inputs: per layer (n, sender.dim), after lin1. Returns (n, size, all channels), zero where the degree differs.
    """
    columns = []
    for layer, x in zip(layers, inputs, strict=True):
        for block in layer.blocks:
            degree = block.irrep.degree
            values = x[:, block.part].reshape(len(x), block.mul, block.irrep.dim).transpose(1, 2)
            below, above = degree**2, size - (degree + 1) ** 2
            columns.append(torch.nn.functional.pad(values, (0, 0, below, above)))
    return torch.cat(columns, dim=2)


def scalar_sums(harmonics: Tensor, radial: Tensor, columns: Tensor, weights: Tensor) -> Tensor:
    """q (n, channels) of a tile.

    harmonics (m, n, (lmax + 1)^2), radial basis (m, n, K), columns (m, (lmax + 1)^2, channels), weights (K, channels).
    """
    atoms, points, _ = radial.shape
    step = max(8, (GPU_CHUNK if radial.is_cuda else CPU_CHUNK) // max(1, atoms * weights.shape[1]))
    sums = [
        (torch.bmm(harmonics[:, a : a + step], columns) * (radial[:, a : a + step] @ weights)).sum(dim=0)
        for a in range(0, points, step)
    ]
    return torch.cat(sums)


class InvariantProbes:
    """The probe network restricted to what the density needs.

    With a precision the radial functions are frozen; without one `refresh` reads the weights and gradients reach them.
    """

    def __init__(self, network: GatedNetwork, precision: Precision | None) -> None:
        self._network = network
        self._like = network.probe_model.basis.mean
        if precision is None:
            self.refresh()
            return
        self._layers = _layers(network)
        exact = copy.deepcopy(network).double()
        layers = _layers(exact)
        self._radial = RadialFunctions.frozen(
            lambda r: _channel_functions(exact, layers, r), network.cutoff, precision, self._like
        )

    def refresh(self) -> None:
        """Read the weights again."""
        self._layers = _layers(self._network)
        self._radial = RadialFunctions.trainable(
            lambda r: _channel_functions(self._network, self._layers, r), self._network.cutoff, self._like
        )

    def prepare(self, inputs: list[Tensor]) -> Tensor:
        """The atoms' part, (n, (lmax + 1)^2, channels), from the features after lin1, (n, sender.dim) a layer."""
        return sender_columns(self._layers, inputs, (self._network.config.lmax + 1) ** 2)

    def evaluate(self, columns: Tensor, tile: Tile) -> Tensor:
        """(n, outputs) at the points of a tile."""
        if self._radial.reduced is None:
            return self._readout(self._scattered_sums(columns, tile))
        harmonics, length = pair_geometry(tile, self._network.config.lmax, self._like)
        basis = self._radial.basis(length.to(self._like.dtype)) * (length <= self._network.cutoff).unsqueeze(-1)
        columns = columns[tile.atom.to(columns.device)]
        return self._readout(scalar_sums(harmonics, basis, columns, self._radial.coefficients))

    def _scattered_sums(self, columns: Tensor, tile: Tile) -> Tensor:
        """q (n, channels) pair by pair, for gradients: only pairs within the cutoff are computed and kept."""
        pairs = GroupedPairs.of(tile, self._network.cutoff, self._network.config.lmax, self._like)
        radial = (self._radial.basis(pairs.length) * pairs.within.unsqueeze(-1)) @ self._radial.coefficients
        products = torch.bmm(pairs.harmonics, columns[pairs.atom]) * radial
        sums = products.new_zeros(len(tile.points), products.shape[-1])
        return sums.index_add(0, pairs.point.flatten(), products.flatten(0, 1))

    def _readout(self, sums: Tensor) -> Tensor:
        """From q (n, channels) through the layers to the readout."""
        hidden = sums.new_zeros(len(sums), self._layers[0].self_connection.shape[0])
        start = 0
        for layer in self._layers:
            end = start + layer.output.shape[0]
            message = sums[:, start:end] @ layer.output
            angle = 0.1 * message[:, -1:]
            hidden = silu(angle.cos() * (hidden @ layer.self_connection) + angle.sin() * message[:, :-1])
            start = end
        readout = self._network.probe_model.readout.matrix(0)
        assert readout is not None
        return hidden @ readout[1]


def _layers(network: GatedNetwork) -> list[InvariantLayer]:
    return [invariant_layer(interaction) for interaction, _ in network.probe_model.layers()]


def _channel_functions(network: GatedNetwork, layers: list[InvariantLayer], r: Tensor) -> Tensor:
    """R_c(r) of every channel of every layer, (n, channels)."""
    basis, scale = network.probe_model.basis(r), edge_scale(network.config, r).unsqueeze(-1)
    values = [
        (interaction.fc.hidden(basis) * scale) @ layer.radial
        for (interaction, _), layer in zip(network.probe_model.layers(), layers, strict=True)
    ]
    return torch.cat(values, dim=1)
