"""Neighbours in slots, by type: what batched products need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment


@dataclass(frozen=True)
class SlotTable:
    """The pairs of an environment by centre and by type of the neighbour.

    order: (npairs,) int32: the neighbours of type t of atom i are the pairs order[start[i, t]] and the
    count[i, t] - 1 after it. start, count: (natoms, ntypes) int64.
    """

    env: Environment
    order: Tensor
    start: Tensor
    count: Tensor

    def slots(self, first: int, last: int) -> tuple[Tensor, Tensor, list[int]]:
        """Of atoms first ... last - 1: which pair is in each slot, (last - first, slots), which slots are left over
        (their pair is any), and how many slots each type has, those of type 0 coming first."""
        count, start = self.count[first:last], self.start[first:last]
        widths = count.max(dim=0).values.tolist()
        columns, spare = [], []
        for kind, width in enumerate(widths):
            position = torch.arange(width)
            left_over = position >= count[:, kind, None]
            columns.append((start[:, kind, None] + position).masked_fill_(left_over, 0))
            spare.append(left_over)
        place = torch.cat(columns, dim=1)
        return self.order.index_select(0, place.view(-1)).view_as(place), torch.cat(spare, dim=1), widths


def slot_table(env: Environment, ntypes: int) -> SlotTable:
    """Sort pairs, by counting."""
    natoms, npairs = env.natoms, len(env.centre)
    group = env.centre.numpy().astype(np.int32) * np.int32(ntypes)
    group += env.types.numpy().astype(np.int32)[env.neighbour.numpy()]
    number = np.arange(npairs + 1, dtype=np.int32)
    # from rows to columns of a sparse matrix that has one entry in each row: a counting sort
    by_group = csr_array((number[:-1], group, number), shape=(npairs, natoms * ntypes)).tocsc()
    first = by_group.indptr.astype(np.int64)
    return SlotTable(
        env,
        torch.from_numpy(by_group.indices),
        torch.from_numpy(first[:-1].reshape(natoms, ntypes)),
        torch.from_numpy(np.diff(first).reshape(natoms, ntypes)),
    )
