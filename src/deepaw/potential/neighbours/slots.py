"""Neighbours in slots, by type: the layout of kernels that batch products over the neighbours of an atom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.neighbours.table import NeighbourTable


@dataclass(frozen=True)
class Slots:
    """Neighbours of n atoms in as many slots for each type as any of the atoms has neighbours of it.

    pair: index of the pair in each slot, (n, slots) int64, those of type 0 first; any in slots left over.
    filled: whether there is a neighbour, (n, slots) bool.
    vector: (3, n, slots), A; beyond the cutoff in slots left over. distance: (n, slots), A.
    widths: number of slots of each type. npairs: number of pairs of the table.
    """

    pair: Tensor
    filled: Tensor
    vector: Tensor
    distance: Tensor
    widths: list[int]
    npairs: int

    def to_pairs(self, per_slot: Tensor) -> Tensor:
        """Collect (3, n, slots) of the slots that hold a neighbour, (3, npairs)."""
        result = per_slot.new_zeros(3, self.npairs)
        result[:, self.pair[self.filled]] = per_slot[:, self.filled]
        return result

    def from_pairs(self, per_pair: Tensor) -> Tensor:
        """Spread (3, npairs) over the slots, (3, n, slots), with 0 in those left over."""
        if self.npairs == 0:
            return per_pair.new_zeros(3, *self.pair.shape)
        spread = per_pair.index_select(1, self.pair.view(-1)).view(3, *self.pair.shape)
        return spread.masked_fill_(~self.filled, 0.0)


def make_slots(table: NeighbourTable, beyond: float) -> Slots:
    """Lay the neighbours of a table out in slots; beyond: A, the distance in slots left over."""
    device, counts = table.rows.device, table.counts
    first = table.rows[:-1].view(table.natoms, table.ntypes)
    widths = counts.max(dim=0).values.tolist() if table.natoms else [0] * table.ntypes
    pairs, filled = [], []
    for kind, width in enumerate(widths):
        position = torch.arange(width, device=device)
        in_use = position < counts[:, kind, None]
        pairs.append((first[:, kind, None] + position).masked_fill_(~in_use, 0))
        filled.append(in_use)
    pair, in_use = torch.cat(pairs, dim=1), torch.cat(filled, dim=1)
    npairs = len(table.neighbour)
    if npairs:
        vector = table.vector.index_select(1, pair.view(-1)).view(3, *pair.shape)
    else:
        vector = table.vector.new_zeros(3, *pair.shape)
    vector[0].masked_fill_(~in_use, beyond)
    return Slots(pair, in_use, vector, (vector * vector).sum(0).sqrt_(), widths, npairs)
