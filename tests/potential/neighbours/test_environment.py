"""Environments: counting and selecting pairs, nearest neighbours, and ranges of atoms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepaw.potential.neighbours.environment import Environment, nearest, nearest_by_type, parts
from deepaw.potential.neighbours.pairs import find_environment
from potential.structures import crowd


@pytest.fixture
def env() -> Environment:
    structure = crowd(2)
    return find_environment(structure.coord, structure.cell, structure.types, 3.5)


def distances(env: Environment, atom: int, kind: int | None = None) -> np.ndarray:
    selected = env.centre == atom
    if kind is not None:
        selected &= env.types[env.neighbour] == kind
    return np.sort(env.vector[selected].norm(dim=1).numpy())


def test_counts(env: Environment) -> None:
    counts = env.counts(3)
    assert counts.shape == (7, 3) and not counts[:, 2].any()
    for atom in range(7):
        for kind in range(2):
            assert counts[atom, kind] == len(distances(env, atom, kind))


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_the_nearest_of_all_types(env: Environment, limit: int) -> None:
    actual = nearest(env, limit)
    for atom in range(7):
        np.testing.assert_array_equal(distances(actual, atom), distances(env, atom)[:limit])


def test_the_nearest_of_each_type(env: Environment) -> None:
    actual = nearest_by_type(env, torch.tensor([2, 4]))
    for atom in range(7):
        for kind, limit in enumerate((2, 4)):
            np.testing.assert_array_equal(distances(actual, atom, kind), distances(env, atom, kind)[:limit])


def test_where_none_is_too_many_nothing_is_copied(env: Environment) -> None:
    assert nearest(env, 1000) is env
    assert nearest_by_type(env, torch.tensor([1000, 1000])) is env


def test_the_order_of_pairs_does_not_matter(env: Environment) -> None:
    shuffled = env.select(torch.randperm(len(env.centre), generator=torch.Generator().manual_seed(0)))
    for atom in range(7):
        np.testing.assert_array_equal(distances(nearest(shuffled, 4), atom), distances(nearest(env, 4), atom))


@pytest.mark.parametrize("limit", [1, 60, 10_000])
def test_parts_hold_every_atom_and_pair_once(env: Environment, limit: int) -> None:
    actual = list(parts(env, 2, torch.bincount(env.centre, minlength=7), limit))
    assert [part.first for part in actual] == [0, *(part.last for part in actual[:-1])] and actual[-1].last == 7
    assert len(actual) == {1: 7, 10_000: 1}.get(limit, len(actual))
    pairs = torch.cat([part.pairs for part in actual])
    assert torch.equal(pairs.sort().values, torch.arange(len(env.centre)))
    for part in actual:
        assert len(part.pairs) <= limit or part.last == part.first + 1
        count = part.last - part.first
        assert torch.equal(part.env.types, torch.cat([env.types[part.first : part.last], torch.arange(2)]))
        assert torch.equal(part.env.centre, env.centre[part.pairs] - part.first)
        assert torch.equal(part.env.types[part.env.neighbour], env.types[env.neighbour[part.pairs]])
        assert torch.equal(part.env.vector, env.vector[part.pairs])
        assert (part.env.neighbour >= count).all()


def test_parts_hold_as_much_work_as_is_said(env: Environment) -> None:
    actual = parts(env, 2, torch.tensor([3, 1, 1, 9, 0, 2, 3]), 5)
    assert [(part.first, part.last) for part in actual] == [(0, 3), (3, 4), (4, 7)]


def test_atoms_without_pairs_are_in_parts_too() -> None:
    none = torch.empty(0, dtype=torch.int64)
    isolated = Environment(torch.tensor([1, 0, 1]), none, none, torch.empty(0, 3))
    assert [(part.first, part.last) for part in parts(isolated, 2, torch.zeros(3, dtype=torch.int64), 5)] == [(0, 3)]
