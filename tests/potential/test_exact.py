"""Exact evaluation: agreement with autograd for all atoms at once, for any division into parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepaw.potential import exact
from deepaw.potential.exact import describe_exactly, evaluate_exactly
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from potential.randommodels import random_model
from potential.structures import crowd
from potential.test_physics import config_of


def environment(model: PotentialModel) -> Environment:
    structure = crowd(len(model.type_map))
    return find_environment(structure.coord, structure.cell, structure.types, model.rcut)


@pytest.mark.parametrize("case", ["one_side", "two_sides_resnet_dt", "hybrid", "excluded"])
@pytest.mark.parametrize("fixed_slots", [True, False])
def test_energies_and_derivatives_of_the_model(case: str, fixed_slots: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation in small parts agrees with autograd for all atoms at once."""
    model = random_model(config_of(case), fixed_slots=fixed_slots)
    env = environment(model)
    vector = env.vector.clone().requires_grad_()
    energy = model(Environment(env.types, env.centre, env.neighbour, vector))
    (gradient,) = torch.autograd.grad(energy.sum(), vector)
    monkeypatch.setattr(exact, "MAX_EVALUATIONS", 20)
    found = evaluate_exactly(model, env)
    torch.testing.assert_close(found.atom_energy, energy.detach())
    torch.testing.assert_close(found.energy, energy.detach().sum())
    torch.testing.assert_close(found.virial, -gradient.T @ env.vector)
    force = torch.zeros(env.natoms, 3, dtype=torch.float64)
    for pair, (i, j) in enumerate(zip(env.centre.tolist(), env.neighbour.tolist(), strict=True)):
        force[i] += gradient[pair]
        force[j] -= gradient[pair]
    torch.testing.assert_close(found.force, force)
    assert found.atom_virial is not None
    atom = int(env.neighbour[0])
    mine = env.neighbour == atom
    torch.testing.assert_close(found.atom_virial[atom], -gradient[mine].T @ env.vector[mine])
    torch.testing.assert_close(describe_exactly(model, env), model.descriptors(env).detach())


def test_parameters_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(config_of("parameters"))
    env = environment(model)
    generator = torch.Generator().manual_seed(0)
    fparam, aparam = (torch.randn(7, count, generator=generator, dtype=torch.float64) for count in (2, 1))
    whole = evaluate_exactly(model, env, fparam, aparam)
    monkeypatch.setattr(exact, "MAX_EVALUATIONS", 1)
    torch.testing.assert_close(evaluate_exactly(model, env, fparam, aparam).force, whole.force)


def test_models_in_single_precision_give_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(config_of("one_side")).float()
    found = evaluate_exactly(model, environment(model))
    assert {found.energy.dtype, found.force.dtype, found.virial.dtype, found.atom_energy.dtype} == {torch.float64}


def test_an_atom_alone() -> None:
    model = random_model(config_of("one_side"))
    found = evaluate_exactly(model, find_environment(np.zeros((1, 3)), None, np.array([1]), model.rcut))
    assert found.energy != 0 and not found.force.any() and not found.virial.any()


def test_radial_descriptors_of_atoms_out_of_reach() -> None:
    """Atoms without neighbours have energies and no forces."""
    model = random_model(config_of("radial")).requires_grad_(False)
    coord = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2 * model.rcut]])
    found = evaluate_exactly(model, find_environment(coord, None, np.array([0, 1]), model.rcut))
    assert (found.atom_energy != 0).all()
    assert (found.force == 0).all() and (found.virial == 0).all()
