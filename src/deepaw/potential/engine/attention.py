"""Kernel of `se_atten` with attention layers: forward and backward through the layers of each atom's neighbours.

The embeddings of neighbours are G = f Y with few functions f of s, or of s and w if types fade out. The layers act on
f: `deepaw.potential.engine.attention_layer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.attention import AttentionLayer
from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.engine.attention_features import EmbeddedFeatures
from deepaw.potential.engine.attention_layer import FoldedLayer, pad, padded_size
from deepaw.potential.engine.attention_layer import SavedForBackward as SavedLayer
from deepaw.potential.engine.folding import fitting_basis
from deepaw.potential.engine.gates import Gates
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.pairs import pair_kernels
from deepaw.potential.engine.precision import Budget
from deepaw.potential.engine.typed import split_off_type, with_type
from deepaw.potential.neighbours.slots import Slots, make_slots
from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.spectral import ChebyshevBasis

GROUP_ATOMS = 4
"""Atoms in one batched attention product: arrays of all pairs of neighbours stay in a processor's cache."""

FUNCTIONS, COORDINATES = 0.1, 0.3
"""Tolerances of the functions f and of the coordinates in layers, relative to that of embeddings; small functions are
steep. The error of forces is 3e-9 of the largest for a tolerance of 3e-10 (random weights, two layers)."""


@dataclass(frozen=True)
class SavedGroup:
    """Neighbours of n atoms after all layers, packed into `near` places per atom.

    slot: (n * near,), index of the slot in the tile, arbitrary where is_neighbour (n, near) is false.
    R: (n, 4, near), rows of the environment matrix. g: features (n, near, p). layers: saved by each layer.
    """

    slot: Tensor
    is_neighbour: Tensor
    R: Tensor
    g: Tensor
    gates: Gates
    layers: list[SavedLayer]


@dataclass(frozen=True)
class SavedForBackward:
    """Intermediate values of a tile; arrays of all slots are (n, slots), excluded neighbours are beyond the cutoff.

    A: (n, 4, M). unit: r / |r|, (3, n, slots), 0 beyond the cutoff. inverse: 1 / |r|, 0 beyond the cutoff.
    slope: ds/dr. ratio: h = s / (r + protection). bend: r dh/dr. fade_slope: dw/dr.
    df_ds, df_dw: derivatives of the functions f, (n * slots, p). groups: range of atoms of each group and
    its neighbours, or None if there are none.
    """

    slots: Slots
    A: Tensor
    unit: Tensor
    inverse: Tensor
    slope: Tensor
    ratio: Tensor
    bend: Tensor
    fade_slope: Tensor
    df_ds: Tensor
    df_dw: Tensor | None
    groups: list[tuple[slice, SavedGroup | None]]


class AttentionKernel(Kernel):
    """Kernel whose features are the descriptor itself, without the embedding of the centre's type."""

    largest_tile = 48

    def __init__(
        self,
        part: SeAtten,
        kind: int,
        basis: ChebyshevBasis,
        weights: Tensor,
        budget: Budget,
    ) -> None:
        """weights: (width without the type, outputs), float64."""
        self._features = EmbeddedFeatures(part, kind, basis, FUNCTIONS * budget.tolerance, budget.dtype)
        Y, size = self._features.Y, self._features.size
        M = Y.shape[1]
        self.weights, self.directions = weights, torch.eye(M, dtype=Y.dtype)
        self.size = FoldSize(basis.size, len(Y), len(weights), part.width)
        self._part, self._config, self._axis = part, part.config, part.config.axis_neuron
        self._scale = (1 / part.dstd[kind]).unsqueeze(1).to(budget.dtype)
        self._shift = (-part.davg[kind] / part.dstd[kind]).to(budget.dtype)
        self._excluded = part.excluded[kind].tolist()
        self._layers: list[FoldedLayer] = []
        # the first feature is 1
        Y = F.pad(Y, (0, 0, 1, 0))
        size = F.pad(size, (1, 0), value=1.0)
        for layer in part.attention:
            assert isinstance(layer, AttentionLayer)
            folded = FoldedLayer(layer, Y, size, COORDINATES * budget.tolerance, budget.dtype)
            self._layers.append(folded)
            Y, size = folded.Y_after, folded.size_after
        self._Y = pad(Y, padded_size(len(Y)), M).to(budget.dtype)
        self._empty_slot_A = None
        if part.config.fades_types:
            # A of one empty slot; the places left over in a group have the same value
            at_cutoff = torch.zeros(1, part.ntypes, dtype=budget.dtype)
            g = self._features(at_cutoff, at_cutoff, [(t, t + 1) for t in range(part.ntypes)])[0][:1]
            for folded in self._layers:
                g = folded.forward_empty_slots(g)
            row = -part.davg[kind] / part.dstd[kind]
            self._empty_slot_A = torch.outer(row.to(budget.dtype), (g @ self._Y)[0])

    def forward(self, table: NeighbourTable) -> tuple[Tensor, SavedForBackward]:
        """Compute the features A^T A[:, :axis_neuron], with A = R G / nnei."""
        part, config = self._part, self._config
        slots, count = make_slots(table, 2 * part.rcut), table.counts
        vector, distance = slots.vector, slots.distance
        edges = list(pairwise(accumulate(slots.widths, initial=0)))
        is_neighbour = slots.filled.clone()
        hidden = torch.zeros(len(count), dtype=count.dtype)
        for t, (first, last) in enumerate(edges):
            if self._excluded[t]:
                is_neighbour[:, first:last] = False
                hidden += count[:, t] if part.fixed_slots else 0
        if not part.fixed_slots:
            is_neighbour &= distance < part.rcut
        if any(self._excluded):
            beyond = ~is_neighbour
            vector = vector.masked_fill(beyond, 0.0)
            vector[0].masked_fill_(beyond, 2 * part.rcut)
            distance = distance.masked_fill(beyond, 2 * part.rcut)
        w = switch(distance, config.rcut_smth, config.rcut)
        fade_slope = switch_derivative(distance, config.rcut_smth, config.rcut)
        reach = 1 / (distance + config.env_protection)
        s, ratio = w * reach, w * reach**2
        slope, bend = fade_slope * reach - ratio, distance * (fade_slope * reach - 2 * ratio) * reach
        rows = torch.cat([s.unsqueeze(0), vector * ratio])
        rows = torch.addcmul(self._shift[:, None, None], rows, self._scale.unsqueeze(2))
        # angles are not defined beyond the cutoff
        inverse = distance.reciprocal().masked_fill_(distance >= part.rcut, 0.0)
        unit, fade = vector * inverse, w
        f, df_ds, df_dw = self._features(s, fade, edges)
        order = torch.argsort(is_neighbour.to(torch.uint8), dim=1, descending=True, stable=True)
        total = is_neighbour.sum(1)
        geometry = torch.cat([rows, unit, fade.unsqueeze(0)]).view(8, -1)
        groups, sums = [], []
        for first in range(0, len(count), GROUP_ATOMS):
            atoms = slice(first, first + GROUP_ATOMS)
            near = int(total[atoms].max())
            occupied = torch.arange(near) < total[atoms, None]
            slot = order[atoms, :near] + distance.shape[1] * torch.arange(first, first + len(occupied)).unsqueeze(1)
            group = self._forward_layers(f, geometry, slot.view(-1), occupied) if near else None
            A = rows.new_zeros(len(occupied), 4, self._Y.shape[1]) if group is None else group.R @ group.g @ self._Y
            if self._empty_slot_A is not None:
                A = A + (part.nnei - near - hidden[atoms]).to(A)[:, None, None] * self._empty_slot_A
            sums.append(A / part.nnei)
            groups.append((atoms, group))
        A = torch.cat(sums)
        features = torch.bmm(A.transpose(1, 2), A[:, :, : self._axis]).flatten(1)
        saved = SavedForBackward(slots, A, unit, inverse, slope, ratio, bend, fade_slope, df_ds, df_dw, groups)
        return features, saved

    def _forward_layers(self, f: Tensor, geometry: Tensor, slot: Tensor, is_neighbour: Tensor) -> SavedGroup:
        """Compute the features of the neighbours of a group after all layers, from f (n * slots, p).

        geometry: R, e and w of all slots, (8, n * slots). slot, is_neighbour: as of `SavedGroup`.
        """
        n, near = is_neighbour.shape
        config = self._config
        packed = geometry.index_select(1, slot).view(8, n, near)
        R, e, w = packed[:4].transpose(0, 1).contiguous(), packed[4:7].permute(1, 2, 0).contiguous(), packed[7]
        gates = Gates(w, e, is_neighbour, self._part.nnei, smooth=config.is_smooth, angles=config.attn_dotr)
        g = f.index_select(0, slot).view(n, near, -1)
        layers = []
        for layer in self._layers:
            g, saved_layer = layer.forward(g, gates)
            layers.append(saved_layer)
        return SavedGroup(slot, is_neighbour, R, g, gates, layers)

    def vectors(self, saved: SavedForBackward) -> Tensor:
        """Return all but the first row of A, (n, M, 3)."""
        return saved.A[:, 1:].transpose(1, 2)

    def backward(self, grad_features: Tensor, saved: SavedForBackward, grad_vectors: Tensor | None = None) -> Tensor:
        """Compute dE/dr of every pair, (3, npairs), backward through A, the layers and the embedding."""
        n, _, M = saved.A.shape
        grad_D = grad_features.view(n, M, self._axis)
        grad_A = torch.bmm(saved.A[:, :, : self._axis], grad_D.transpose(1, 2))
        grad_A[:, :, : self._axis] += torch.bmm(saved.A, grad_D)
        if grad_vectors is not None:
            grad_A[:, 1:] += grad_vectors.transpose(1, 2)
        grad_B = (grad_A.view(-1, M) @ self._Y.T / self._part.nnei).view(n, 4, -1)
        # gradients of R, e, s and w
        grad_slots = grad_features.new_zeros(9, saved.inverse.numel())
        for atoms, group in saved.groups:
            if group is not None:
                occupied = group.is_neighbour.view(-1)
                grad_group = self._backward_layers(grad_B[atoms], group, saved)
                grad_slots.index_copy_(1, group.slot[occupied], grad_group[:, occupied])
        grad_R, grad_e, (grad_s, grad_w) = grad_slots.view(9, *saved.inverse.shape).split([4, 3, 2])
        u = grad_R[1:] * self._scale[1:].unsqueeze(2)
        unit = saved.unit
        along = (u * unit).sum(0).mul_(saved.bend)
        along += torch.addcmul(grad_s, grad_R[0], self._scale[0]).mul_(saved.slope)
        along += grad_w * saved.fade_slope
        along -= (grad_e * unit).sum(0).mul_(saved.inverse)
        return saved.slots.to_pairs(torch.addcmul(u * saved.ratio, unit, along).addcmul_(grad_e, saved.inverse))

    def _backward_layers(self, grad_B: Tensor, group: SavedGroup, saved: SavedForBackward) -> Tensor:
        """Compute dE/dR, dE/de, dE/ds and dE/dw of a group, (9, n * near), from dE/dB (n, 4, p), B = R g."""
        grad_g = torch.bmm(group.R.transpose(1, 2), grad_B)
        result = grad_g.new_zeros(9, *group.is_neighbour.shape)
        result[:4] = torch.bmm(grad_B, group.g.transpose(1, 2)).transpose(0, 1)
        for layer, saved_layer in zip(reversed(self._layers), reversed(group.layers), strict=True):
            grad_g = layer.backward(grad_g, saved_layer, group.gates)
        grad_w, grad_e = group.gates.gradient()
        if grad_e is not None:
            result[4:7] = grad_e.permute(2, 0, 1)
        grad_f = grad_g.view(len(group.slot), -1)
        result[7] = (grad_f * saved.df_ds.index_select(0, group.slot)).sum(1).view_as(group.is_neighbour)
        if grad_w is not None:
            result[8] = grad_w
        if saved.df_dw is not None:
            result[8] += (grad_f * saved.df_dw.index_select(0, group.slot)).sum(1).view_as(group.is_neighbour)
        return result.view(9, -1)


def se_atten_kernels(part: SeAtten, shortest: float, weights: Sequence[Tensor], budget: Budget) -> list[Kernel] | None:
    """Return a kernel for each type of centre: `deepaw.potential.engine.registry`."""
    if not len(part.attention):
        return pair_kernels(part, shortest, weights, budget)
    if part.config.neuron[-1] == 1:  # layer normalisation of a single number is constant
        return None
    basis = fitting_basis(part, part.largest_s(shortest), budget.tolerance)
    kernels: list[Kernel] = []
    for kind, first_layer in enumerate(weights):
        rows, type_rows = split_off_type(part.types, first_layer)
        kernels.append(with_type(AttentionKernel(part, kind, basis, rows, budget), part.types, kind, type_rows))
    return kernels
