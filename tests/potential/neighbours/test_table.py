"""Neighbour tables: shares, conversion to environments, casts."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import NeighbourTable, table_of
from potential.structures import crowd

NATOMS, NTYPES = 9, 3


def environment() -> Environment:
    structure = crowd(NTYPES, NATOMS)
    structure = structure[structure.types.argsort(kind="stable")]
    return find_environment(structure.coord, structure.cell, structure.types, 2.8)


@pytest.fixture
def table() -> NeighbourTable:
    return table_of(environment(), NTYPES)


def test_pairs_are_grouped_by_centre_and_type(table: NeighbourTable) -> None:
    env = environment()
    assert (table.natoms, table.ntypes, table.first) == (NATOMS, NTYPES, 0)
    assert torch.equal(table.counts, env.counts(NTYPES))
    assert torch.equal(table.neighbour_types, env.types[table.neighbour.long()])
    for atom in range(NATOMS):
        for kind in range(NTYPES):
            row = atom * NTYPES + kind
            pairs = slice(int(table.rows[row]), int(table.rows[row + 1]))
            expected = env.select((env.centre == atom) & (env.types[env.neighbour] == kind))
            assert torch.equal(table.neighbour[pairs].long(), expected.neighbour)
            assert torch.equal(table.vector[:, pairs].T, expected.vector)
            assert (table.centre[pairs] == atom).all()


def test_pairs_in_any_order(table: NeighbourTable) -> None:
    env = environment()
    shuffled = env.select(torch.randperm(len(env.centre), generator=torch.Generator().manual_seed(1)))
    other = table_of(shuffled, NTYPES)
    assert torch.equal(other.rows, table.rows)
    for one, another in zip(table.vector.T.split(10), other.vector.T.split(10), strict=True):
        assert one.shape == another.shape
    torch.testing.assert_close(other.vector.sum(1), table.vector.sum(1))


@pytest.mark.parametrize(("first", "last"), [(0, NATOMS), (0, 4), (3, 7), (8, 9), (5, 5)])
def test_shares(table: NeighbourTable, first: int, last: int) -> None:
    share = table.share(first, last)
    pairs = (table.centre >= first) & (table.centre < last)
    assert share.natoms == last - first and share.first == first and share.ntypes == NTYPES
    assert torch.equal(share.counts, table.counts[first:last])
    assert torch.equal(share.types, table.types[first:last])
    assert torch.equal(share.centre + first, table.centre[pairs])
    assert torch.equal(share.neighbour, table.neighbour[pairs])
    assert torch.equal(share.neighbour_types, table.neighbour_types[pairs])
    assert torch.equal(share.vector, table.vector[:, pairs])
    assert share.rows[0] == 0


def test_shares_of_shares(table: NeighbourTable) -> None:
    share, expected = table.share(2, 8).share(1, 4), table.share(3, 6)
    assert share.first == expected.first == 3
    assert torch.equal(share.rows, expected.rows) and torch.equal(share.neighbour, expected.neighbour)


def test_as_a_flat_list_with_an_atom_of_each_type_for_the_neighbours(table: NeighbourTable) -> None:
    share = table.share(2, 6)
    env = share.environment()
    assert env.types.tolist() == [*share.types.tolist(), 0, 1, 2]
    assert torch.equal(env.centre, share.centre)
    assert torch.equal(env.types[env.neighbour], share.neighbour_types) and bool((env.neighbour >= 4).all())
    assert torch.equal(env.vector, share.vector.T)
    other = torch.zeros_like(share.vector).requires_grad_()
    assert share.environment(other).vector.requires_grad


def test_numbers_of_another_type(table: NeighbourTable) -> None:
    assert table.cast(torch.float64) is table
    single = table.cast(torch.float32)
    assert single.vector.dtype == torch.float32 and torch.equal(single.vector, table.vector.float())
    assert single.rows is table.rows and single.neighbour is table.neighbour
    moved = table.to(torch.device("cpu"))
    assert torch.equal(moved.vector, table.vector) and moved.first == table.first


def test_without_pairs_and_without_atoms() -> None:
    none = torch.empty(0, dtype=torch.int64)
    for types in (torch.tensor([0, 2]), none):
        table = table_of(Environment(types, none, none, torch.empty(0, 3, dtype=torch.float64)), NTYPES)
        assert table.counts.shape == (len(types), NTYPES) and not table.counts.any()
        assert table.vector.shape == (3, 0) and len(table.centre) == len(table.neighbour_types) == 0
        assert table.share(0, len(types)).natoms == len(types)
