"""Slot tables: neighbours by centre and type."""

from __future__ import annotations

import torch

from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.slots import slot_table
from potential.structures import crowd


def test_every_pair_is_in_its_place() -> None:
    structure = crowd(3, natoms=8)
    env = find_environment(structure.coord, structure.cell, structure.types, 3.0)
    table = slot_table(env, 3)
    assert torch.equal(table.count, env.counts(3))
    assert torch.equal(table.order.long().sort().values, torch.arange(len(env.centre)))
    for first, last in ((0, 8), (2, 5), (7, 8)):
        pair, spare, widths = table.slots(first, last)
        assert widths == table.count[first:last].max(0).values.tolist()
        assert pair.shape == spare.shape == (last - first, sum(widths))
        start = 0
        for kind, width in enumerate(widths):
            for row in range(last - first):
                taken = pair[row, start : start + width][~spare[row, start : start + width]].long()
                expected = torch.nonzero((env.centre == first + row) & (env.types[env.neighbour] == kind)).squeeze(1)
                assert torch.equal(taken.sort().values, expected)
            start += width


def test_without_pairs_there_are_no_slots() -> None:
    none = torch.empty(0, dtype=torch.int64)
    table = slot_table(Environment(torch.tensor([0, 1]), none, none, torch.empty(0, 3)), 2)
    pair, spare, widths = table.slots(0, 2)
    assert pair.shape == spare.shape == (2, 0) and widths == [0, 0]
