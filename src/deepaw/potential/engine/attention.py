"""The kernel of `se_atten` with attention layers: an atom's neighbours through all layers, there and back.

The embeddings G of neighbours are f Y with few functions f of s (and, where types fade out, of s and w), which is where
the layers begin: `deepaw.potential.engine.attention_layer`.
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
from deepaw.potential.engine.attention_layer import FoldedLayer, fill, filled
from deepaw.potential.engine.attention_layer import Kept as KeptLayer
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

TOGETHER = 4
"""Atoms whose neighbours meet each other at a time: arrays of all pairs of neighbours stay in a processor's cache."""

FUNCTIONS, COORDINATES = 0.1, 0.3
"""Parts of the tolerance of embeddings that functions and the coordinates in layers are held to: small functions are
steep. Together they are off by 3e-9 of the largest force where the tolerance is 3e-10 (random weights, two layers)."""


@dataclass(frozen=True)
class _Some:
    """A few atoms after all layers. place: (n * near,), which slots of the tile the neighbours that are there have; in
    what is left over, any. R: (n, 4, near), features g: (n, near, p)."""

    place: Tensor
    there: Tensor
    R: Tensor
    g: Tensor
    gates: Gates
    layers: list[KeptLayer]


@dataclass(frozen=True)
class _Kept:
    """All slots of a tile, (n, slots), in which excluded neighbours are beyond the cutoff.

    A: (n, 4, M). unit: r / |r|, (3, n, slots), 0 beyond the cutoff. inverse: 1 / |r|, 0 beyond the cutoff.
    slope: ds/dr. ratio: h = s / (r + protection). bend: r dh/dr. fade_slope: dw/dr.
    of_s, of_w: slopes of features in s and w, (n * slots, p). some: which atoms, and what is kept of them if they have
    neighbours.
    """

    slots: Slots
    A: Tensor
    unit: Tensor
    inverse: Tensor
    slope: Tensor
    ratio: Tensor
    bend: Tensor
    fade_slope: Tensor
    of_s: Tensor
    of_w: Tensor | None
    some: list[tuple[slice, _Some | None]]


class AttentionKernel(Kernel):
    """Features are the descriptor itself, without the type."""

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
        for given in part.attention:
            assert isinstance(given, AttentionLayer)
            folded = FoldedLayer(given, Y, size, COORDINATES * budget.tolerance, budget.dtype)
            self._layers.append(folded)
            Y, size = folded.Y_after, folded.size_after
        self._Y = fill(Y, filled(len(Y)), M).to(budget.dtype)
        self._nothing = None
        if part.config.fades_types:
            # as slots that are left over have it, so that it does not matter how many of these there are
            at_cutoff = torch.zeros(1, part.ntypes, dtype=budget.dtype)
            g = self._features(at_cutoff, at_cutoff, [(t, t + 1) for t in range(part.ntypes)])[0][:1]
            for layer in self._layers:
                g = layer.of_empty(g)
            row = -part.davg[kind] / part.dstd[kind]
            self._nothing = torch.outer(row.to(budget.dtype), (g @ self._Y)[0])

    def forward(self, table: NeighbourTable) -> tuple[Tensor, _Kept]:
        """A^T A[:, :axis_neuron]."""
        part, config = self._part, self._config
        laid_out, count = make_slots(table, 2 * part.rcut), table.counts
        vector, distance = laid_out.vector, laid_out.distance
        edges = list(pairwise(accumulate(laid_out.widths, initial=0)))
        here = laid_out.filled.clone()
        hidden = torch.zeros(len(count), dtype=count.dtype)
        for t, (first, last) in enumerate(edges):
            if self._excluded[t]:
                here[:, first:last] = False
                hidden += count[:, t] if part.fixed_slots else 0
        if not part.fixed_slots:
            here &= distance < part.rcut
        if any(self._excluded):
            away = ~here
            vector = vector.masked_fill(away, 0.0)
            vector[0].masked_fill_(away, 2 * part.rcut)
            distance = distance.masked_fill(away, 2 * part.rcut)
        w = switch(distance, config.rcut_smth, config.rcut)
        fade_slope = switch_derivative(distance, config.rcut_smth, config.rcut)
        reach = 1 / (distance + config.env_protection)
        s, ratio = w * reach, w * reach**2
        slope, bend = fade_slope * reach - ratio, distance * (fade_slope * reach - 2 * ratio) * reach
        rows = torch.cat([s.unsqueeze(0), vector * ratio])
        rows = torch.addcmul(self._shift[:, None, None], rows, self._scale.unsqueeze(2))
        inverse = distance.reciprocal().masked_fill_(distance >= part.rcut, 0.0)  # there are no angles beyond
        unit, fade = vector * inverse, w
        f, of_s, of_w = self._features(s, fade, edges)
        order = torch.argsort(here.to(torch.uint8), dim=1, descending=True, stable=True)
        total = here.sum(1)
        geometry = torch.cat([rows, unit, fade.unsqueeze(0)]).view(8, -1)
        some, sums = [], []
        slots = distance.shape[1]
        for first in range(0, len(count), TOGETHER):
            atoms = slice(first, first + TOGETHER)
            near = int(total[atoms].max())
            there = torch.arange(near) < total[atoms, None]
            place = order[atoms, :near] + slots * torch.arange(first, first + len(there)).unsqueeze(1)
            done = self._attended(f, geometry, place.view(-1), there) if near else None
            A = rows.new_zeros(len(there), 4, self._Y.shape[1]) if done is None else done.R @ done.g @ self._Y
            if self._nothing is not None:
                A = A + (part.nnei - near - hidden[atoms]).to(A)[:, None, None] * self._nothing
            sums.append(A / part.nnei)
            some.append((atoms, done))
        A = torch.cat(sums)
        features = torch.bmm(A.transpose(1, 2), A[:, :, : self._axis]).flatten(1)
        return features, _Kept(laid_out, A, unit, inverse, slope, ratio, bend, fade_slope, of_s, of_w, some)

    def _attended(self, f: Tensor, geometry: Tensor, place: Tensor, there: Tensor) -> _Some:
        """Features f (slots, p) of some neighbours through all layers."""
        n, near = there.shape
        config = self._config
        of_place = geometry.index_select(1, place).view(8, n, near)
        R, e, w = of_place[:4].transpose(0, 1).contiguous(), of_place[4:7].permute(1, 2, 0).contiguous(), of_place[7]
        gates = Gates(w, e, there, self._part.nnei, smooth=config.is_smooth, angles=config.attn_dotr)
        g = f.index_select(0, place).view(n, near, -1)
        layers = []
        for layer in self._layers:
            g, kept = layer.forward(g, gates)
            layers.append(kept)
        return _Some(place, there, R, g, gates, layers)

    def vectors(self, kept: _Kept) -> Tensor:
        """All but the first row of A."""
        return kept.A[:, 1:].transpose(1, 2)

    def backward(self, gradient: Tensor, kept: _Kept, of_vectors: Tensor | None = None) -> Tensor:
        """Through A, the layers and the embedding."""
        n, _, M = kept.A.shape
        G = gradient.view(n, M, self._axis)
        of_A = torch.bmm(kept.A[:, :, : self._axis], G.transpose(1, 2))
        of_A[:, :, : self._axis] += torch.bmm(kept.A, G)
        if of_vectors is not None:
            of_A[:, 1:] += of_vectors.transpose(1, 2)
        of_B = (of_A.view(-1, M) @ self._Y.T / self._part.nnei).view(n, 4, -1)
        # of R, e, s and w
        of_slots = gradient.new_zeros(9, kept.inverse.numel())
        for atoms, some in kept.some:
            if some is not None:
                here = some.there.view(-1)
                of_slots.index_copy_(1, some.place[here], self._through(of_B[atoms], some, kept)[:, here])
        of_R, of_e, (of_s, of_w) = of_slots.view(9, *kept.inverse.shape).split([4, 3, 2])
        u = of_R[1:] * self._scale[1:].unsqueeze(2)
        unit = kept.unit
        along = (u * unit).sum(0).mul_(kept.bend)
        along += torch.addcmul(of_s, of_R[0], self._scale[0]).mul_(kept.slope)
        along += of_w * kept.fade_slope
        along -= (of_e * unit).sum(0).mul_(kept.inverse)
        return kept.slots.to_pairs(torch.addcmul(u * kept.ratio, unit, along).addcmul_(of_e, kept.inverse))

    def _through(self, of_B: Tensor, some: _Some, kept: _Kept) -> Tensor:
        """dE/dR, dE/de, dE/ds and dE/dw of neighbours, (9, n * near), from dE/dB (n, 4, p) with B = R g."""
        of_g = torch.bmm(some.R.transpose(1, 2), of_B)
        result = of_g.new_zeros(9, *some.there.shape)
        result[:4] = torch.bmm(of_B, some.g.transpose(1, 2)).transpose(0, 1)
        for layer, kept_layer in zip(reversed(self._layers), reversed(some.layers), strict=True):
            of_g = layer.backward(of_g, kept_layer, some.gates)
        of_w, of_e = some.gates.gradient()
        if of_e is not None:
            result[4:7] = of_e.permute(2, 0, 1)
        of_f = of_g.view(len(some.place), -1)
        result[7] = (of_f * kept.of_s.index_select(0, some.place)).sum(1).view_as(some.there)
        if of_w is not None:
            result[8] = of_w
        if kept.of_w is not None:
            result[8] += (of_f * kept.of_w.index_select(0, some.place)).sum(1).view_as(some.there)
        return result.view(9, -1)


def se_atten_kernels(part: SeAtten, shortest: float, weights: Sequence[Tensor], budget: Budget) -> list[Kernel] | None:
    """Return a kernel for each type of centre: `deepaw.potential.engine.registry`."""
    if not len(part.attention):
        return pair_kernels(part, shortest, weights, budget)
    if part.config.neuron[-1] == 1:  # the norm of one number leaves nothing of it
        return None
    basis = fitting_basis(part, part.largest_s(shortest), budget.tolerance)
    kernels: list[Kernel] = []
    for kind, first_layer in enumerate(weights):
        rows, type_rows = split_off_type(part.types, first_layer)
        kernels.append(with_type(AttentionKernel(part, kind, basis, rows, budget), part.types, kind, type_rows))
    return kernels
