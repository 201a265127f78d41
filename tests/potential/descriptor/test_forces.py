"""Forces from the gradient of the moments: against autograd, and as a linear map with its transpose."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.descriptor.forces import forces
from deepaw.potential.descriptor.geometry import pair_geometry
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.spectral import ChebyshevBasis
from potential.descriptor.test_pairwise import descriptor
from potential.structures import crowd

BASIS = ChebyshevBasis(0.0, 1.2, 16)
CASES = ["one_side", "radial", "protection", "excluded"]


def environment() -> Environment:
    structure = crowd(2)
    return find_environment(structure.coord, structure.cell, structure.types, 3.0)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("case", CASES)
def test_forces_of_an_energy_that_is_linear_in_the_moments(case: str) -> None:
    part, env = descriptor(case, False), environment()
    geometry = pair_geometry(part, env, BASIS)
    gradient = random(*geometry.moments.shape)
    vector = env.vector.clone().requires_grad_()
    leaf = Environment(env.types, env.centre, env.neighbour, vector)
    energy = (pair_geometry(part, leaf, BASIS).moments * gradient).sum()
    (of_pairs,) = torch.autograd.grad(energy, vector)
    expected = torch.zeros(env.natoms, 3, dtype=torch.float64)
    expected.index_add_(0, env.centre, of_pairs).index_add_(0, env.neighbour, -of_pairs)
    force, virial = forces(geometry, gradient, torch.zeros(env.natoms, dtype=torch.int64), 1)
    assert virial is not None
    torch.testing.assert_close(force, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(virial[0], -(of_pairs.T @ env.vector), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_its_gradient_is_its_transpose(case: str) -> None:
    """<forces(g), w> = <g, transpose(w)> for forces and virials of two frames, whatever g and w are."""
    part, env = descriptor(case, False), environment()
    geometry = pair_geometry(part, env, BASIS)
    frame = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    gradient = random(*geometry.moments.shape).requires_grad_()
    force, virial = forces(geometry, gradient, frame, 2)
    assert virial is not None
    of_force, of_virial = random(env.natoms, 3, seed=1), random(2, 3, 3, seed=2)
    total = (force * of_force).sum() + (virial * of_virial).sum()
    (transposed,) = torch.autograd.grad(total, gradient)
    torch.testing.assert_close((gradient * transposed).sum(), total, rtol=1e-10, atol=1e-9)
    other = random(*gradient.shape, seed=3)
    moved, moved_virial = forces(geometry, other, frame, 2)
    assert moved_virial is not None
    expected = (moved * of_force).sum() + (moved_virial * of_virial).sum()
    torch.testing.assert_close((other * transposed).sum(), expected, rtol=1e-10, atol=1e-9)


def test_virials_only_where_they_are_asked_for() -> None:
    part, env = descriptor("one_side", False), environment()
    geometry = pair_geometry(part, env, BASIS)
    gradient = random(*geometry.moments.shape)
    force, virial = forces(geometry, gradient, None, 1)
    assert virial is None
    torch.testing.assert_close(force, forces(geometry, gradient, torch.zeros(7, dtype=torch.int64), 1)[0])
