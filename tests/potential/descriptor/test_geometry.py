"""Slots and moments of frames, wider and put together."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from deepaw.potential.descriptor.geometry import PairGeometry, pair_geometry
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.spectral import ChebyshevBasis
from potential.descriptor.test_pairwise import descriptor
from potential.structures import crowd

BASIS = ChebyshevBasis(0.0, 1.2, 12)


def environment(seed: int = 0, natoms: int = 7) -> Environment:
    structure = crowd(2, natoms, seed)
    return find_environment(structure.coord, structure.cell, structure.types, 3.0)


@pytest.fixture(params=["one_side", "radial"])
def part(request: pytest.FixtureRequest) -> PairwiseDescriptor:
    return descriptor(request.param, False)


def test_slots_hold_every_neighbour_once(part: PairwiseDescriptor) -> None:
    env = environment()
    geometry = pair_geometry(part, env, BASIS)
    first = 0
    for kind, width in enumerate(geometry.widths):
        taken = geometry.distance[:, first : first + width] > 0
        assert torch.equal(taken.sum(1), env.counts(2)[:, kind])
        assert (env.types[geometry.neighbour[:, first : first + width][taken]] == kind).all()
        first += width
    vector = (geometry.unit * geometry.distance.unsqueeze(1)).transpose(1, 2)
    for atom in range(env.natoms):
        mine = vector[atom][geometry.distance[atom] > 0]
        expected = env.vector[env.centre == atom]
        torch.testing.assert_close(mine[mine[:, 0].argsort()], expected[expected[:, 0].argsort()])


def test_more_slots_change_nothing_but_the_shape(part: PairwiseDescriptor) -> None:
    env = environment()
    geometry = pair_geometry(part, env, BASIS)
    widths = (geometry.widths[0] + 3, geometry.widths[1] + 1)
    same_as(geometry.widened(widths), pair_geometry(part, env, BASIS, widths=widths))
    assert geometry.widened(geometry.widths) is geometry
    torch.testing.assert_close(pair_geometry(part, env, BASIS, widths=widths).moments, geometry.moments)


def test_frames_put_together_are_one_with_their_atoms_in_that_order(part: PairwiseDescriptor) -> None:
    """As if they were far apart in one structure."""
    first, second = environment(), environment(1, 4)
    pieces = [(0, slice(0, 3)), (1, slice(0, 2)), (0, slice(3, 7)), (1, slice(2, 4))]
    order = torch.tensor([0, 1, 2, 7, 8, 3, 4, 5, 6, 9, 10])
    place = torch.argsort(order)
    both = Environment(
        torch.cat([first.types, second.types])[order],
        torch.cat([place[first.centre], place[second.centre + 7]]),
        torch.cat([place[first.neighbour], place[second.neighbour + 7]]),
        torch.cat([first.vector, second.vector]),
    )
    geometries = [pair_geometry(part, env, BASIS) for env in (first, second)]
    joined = PairGeometry.join(geometries, pieces, [place[:7], place[7:]])
    same_as(joined, pair_geometry(part, both, BASIS))


def test_bytes_and_precision(part: PairwiseDescriptor) -> None:
    single, double = (
        pair_geometry(part, environment(), BASIS, dtype=dtype) for dtype in (torch.float32, torch.float64)
    )
    assert single.moments.dtype == torch.float32 and single.nbytes < double.nbytes < 2 * single.nbytes
    torch.testing.assert_close(single.moments.double(), double.moments, rtol=1e-6, atol=1e-5)


def same_as(found: PairGeometry, expected: PairGeometry) -> None:
    """Left-over slots point at any atom."""
    assert found.widths == expected.widths
    taken = expected.distance > 0
    for field in fields(PairGeometry):
        value, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "neighbour":
            assert torch.equal(value[taken], other[taken])
        elif field.name != "widths":
            torch.testing.assert_close(value, other, msg=field.name)
