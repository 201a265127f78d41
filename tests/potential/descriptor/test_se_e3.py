"""se_e3 against loops over pairs of slots, and in the spectral form."""

from __future__ import annotations

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.descriptor.equations import EquationKernel
from deepaw.potential.descriptor.registry import make_descriptor
from deepaw.potential.descriptor.se_e3 import SeE3, SeE3Config
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import table_of
from potential.descriptor.reference import se_e3
from potential.randommodels import random_model
from potential.structures import crowd

SE_T = {"type": "se_e3", "rcut": 3.0, "rcut_smth": 1.2, "sel": [20, 18], "neuron": [3, 6]}
CASES = {
    "plain": SE_T,
    "resnet_dt": SE_T | {"resnet_dt": True, "neuron": [1, 2, 2], "type": "se_at"},
    "excluded": SE_T | {"exclude_types": [[0, 1]], "type": "se_a_3be"},
    "protection": SE_T | {"env_protection": 0.2},
    "few": SE_T | {"sel": [3, 4]},
}


def descriptor(name: str, fixed_slots: bool = False) -> SeE3:
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": CASES[name]})
    (part,) = random_model(config, fixed_slots=fixed_slots).descriptor.parts
    assert isinstance(part, SeE3)
    return part


def environment(rcut: float = 3.0) -> Environment:
    """Environment of atoms sorted by type."""
    structure = crowd(2)
    structure = structure[structure.types.argsort(kind="stable")]
    return find_environment(structure.coord, structure.cell, structure.types, rcut)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_the_equations_as_loops(case: str, fixed_slots: bool) -> None:
    part, env = descriptor(case, fixed_slots), environment()
    expected, actual = se_e3(part, env), part(env).detach()
    assert actual.shape == (env.natoms, part.width) == tuple(expected.shape)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13 * float(expected.abs().max()))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_the_spectral_form(case: str, fixed_slots: bool) -> None:
    part, env = descriptor(case, fixed_slots), environment()
    kernel = part.training_kernel(0.9, 64)
    geometry = kernel.prepare(part, table_of(part.select_neighbours(env), 2))
    rows = torch.cat(kernel.rows(part, geometry, geometry.variables, torch.bincount(env.types).tolist()))
    expected = part(env)
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-10 * float(expected.detach().abs().max()))


def test_pairs_beyond_the_cutoff_are_passed_over() -> None:
    part = descriptor("plain")
    within, beyond = environment(3.0), environment(4.5)
    assert len(beyond.centre) > 2 * len(within.centre)
    torch.testing.assert_close(part(beyond), part(within))
    kernel = part.training_kernel(0.9, 64)
    torch.testing.assert_close(*(kernel.prepare(part, table_of(env, 2)).variables for env in (beyond, within)))


def test_sel_sets_the_scale_unless_neighbours_are_dropped() -> None:
    """A type without slots counts as a type with one slot."""
    env = environment()

    def rows_of(*sel: int, fixed_slots: bool = False) -> torch.Tensor:
        rows: torch.Tensor = make_descriptor(
            SeE3Config(rcut=3.0, neuron=(4,), sel=sel, seed=1), 2, fixed_slots=fixed_slots
        )(env)
        return rows.detach()

    torch.testing.assert_close(rows_of(4, 6), rows_of(2, 3) / 4)
    torch.testing.assert_close(rows_of(0, 5), rows_of(1, 5))
    assert not torch.allclose(rows_of(2, 3, fixed_slots=True), rows_of(2, 3), rtol=1e-3)


def test_an_atom_alone_and_one_with_a_single_neighbour() -> None:
    none = torch.empty(0, dtype=torch.int64)
    single_atom = Environment(torch.tensor([1]), none, none, torch.empty(0, 3, dtype=torch.float64))
    part = descriptor("plain")
    assert not part(single_atom).any()
    kernel = part.training_kernel(0.9, 64)
    assert not kernel.prepare(part, table_of(single_atom, 2)).variables.any()
    vector = torch.tensor([[0.0, 1.0, 0.5], [0.0, -1.0, -0.5]], dtype=torch.float64)
    two = Environment(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([1, 0]), vector)
    torch.testing.assert_close(part(two).detach(), se_e3(part, two))
    geometry = kernel.prepare(part, table_of(two, 2))
    torch.testing.assert_close(torch.cat(kernel.rows(part, geometry, geometry.variables, [1, 1])), part(two))


def test_nets_with_kinks_train_by_the_equations() -> None:
    part = make_descriptor(SeE3Config(sel=(4,), activation_function="relu"), 1)
    assert isinstance(part.training_kernel(0.9, 32), EquationKernel)


def test_evaluations_are_pairs_of_neighbours() -> None:
    part, env = descriptor("plain"), environment()
    counts = torch.bincount(env.centre, minlength=env.natoms)
    assert torch.equal(part.evaluations(env), counts**2)


def test_keys_that_are_not_its_own() -> None:
    with pytest.raises(ValueError, match="type_one_side"):
        SeE3Config.model_validate({"type_one_side": True})
    with pytest.raises(InputError, match="sel"):
        make_descriptor(SeE3Config(sel="auto"), 1)
