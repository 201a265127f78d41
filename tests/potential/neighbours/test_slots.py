"""Slots of neighbours by centre and type."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.slots import make_slots
from deepaw.potential.neighbours.table import NeighbourTable, table_of
from potential.structures import crowd

BEYOND = 7.0


def table() -> NeighbourTable:
    structure = crowd(3, natoms=8)
    structure = structure[structure.types.argsort(kind="stable")]
    return table_of(find_environment(structure.coord, structure.cell, structure.types, 3.0), 3)


@pytest.mark.parametrize(("first", "last"), [(0, 8), (2, 5), (7, 8)])
def test_every_pair_is_in_its_place(first: int, last: int) -> None:
    share = table().share(first, last)
    slots = make_slots(share, BEYOND)
    npairs = len(share.neighbour)
    assert slots.npairs == npairs and slots.widths == share.counts.max(0).values.tolist()
    assert slots.pair.shape == slots.filled.shape == slots.distance.shape == (last - first, sum(slots.widths))
    assert torch.equal(slots.pair[slots.filled].sort().values, torch.arange(npairs))
    start = 0
    for kind, width in enumerate(slots.widths):
        for row in range(last - first):
            columns = slice(start, start + width)
            pairs = slots.pair[row, columns][slots.filled[row, columns]]
            expected = torch.nonzero((share.centre == row) & (share.neighbour_types == kind)).squeeze(1)
            assert torch.equal(pairs.sort().values, expected)
        start += width
    assert torch.equal(slots.vector[:, slots.filled], share.vector[:, slots.pair[slots.filled]])
    torch.testing.assert_close(slots.distance[slots.filled], share.vector.norm(dim=0)[slots.pair[slots.filled]])
    assert (slots.distance[~slots.filled] >= BEYOND).all()


def test_to_slots_and_back() -> None:
    neighbours = table()
    slots = make_slots(neighbours, BEYOND)
    per_pair = torch.randn(3, slots.npairs, dtype=torch.float64)
    spread = slots.from_pairs(per_pair)
    assert not spread[:, ~slots.filled].any()
    assert torch.equal(slots.to_pairs(spread), per_pair)
    per_slot = torch.randn(3, *slots.pair.shape, dtype=torch.float64)
    torch.testing.assert_close((slots.to_pairs(per_slot) * per_pair).sum(), (per_slot * spread).sum())


def test_without_pairs_there_are_no_slots() -> None:
    none = torch.empty(0, dtype=torch.int64)
    slots = make_slots(table_of(Environment(torch.tensor([0, 1]), none, none, torch.empty(0, 3)), 2), BEYOND)
    assert slots.pair.shape == slots.filled.shape == (2, 0) and slots.widths == [0, 0]
    assert slots.to_pairs(torch.zeros(3, 2, 0)).shape == (3, 0)
    assert slots.from_pairs(torch.zeros(3, 0)).shape == (3, 2, 0)
