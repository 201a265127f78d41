"""se_e2_a and se_e2_r against loops, and in the spectral form."""

from __future__ import annotations

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.registry import make_descriptor
from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.descriptor.se_e2_r import SeE2RConfig
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import table_of
from deepaw.potential.pairs.reference import TorchPairOperator
from deepaw.spectral import ChebyshevBasis
from potential.descriptor.reference import se_e2_a, se_e2_r
from potential.randommodels import random_model
from potential.structures import crowd

SE_A = {"type": "se_e2_a", "rcut": 3.0, "rcut_smth": 1.2, "sel": [20, 18], "neuron": [3, 6], "axis_neuron": 2}
SE_R = {"type": "se_e2_r", "rcut": 3.0, "rcut_smth": 0.5, "sel": [20, 18], "neuron": [4, 4], "type_one_side": True}
CASES = {
    "one_side": SE_A | {"type_one_side": True},
    "pairs": SE_A | {"resnet_dt": True, "neuron": [1, 2, 4]},
    "excluded": SE_A | {"exclude_types": [[0, 1]]},
    "protection": SE_A | {"env_protection": 0.2},
    "few": SE_A | {"sel": [3, 4]},
    "none_of_a_type": SE_A | {"sel": [0, 18]},
    "radial": SE_R,
    "radial_pairs": SE_R | {"type_one_side": False},
    "radial_excluded": SE_R | {"exclude_types": [[0, 1]]},
    "radial_few": SE_R | {"sel": [3, 4], "exclude_types": [[1, 1]]},
}


def descriptor(name: str, fixed_slots: bool) -> PairwiseDescriptor:
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": CASES[name]})
    (part,) = random_model(config, fixed_slots=fixed_slots).descriptor.parts
    return part


def environment(rcut: float = 3.0) -> Environment:
    """Environment of atoms sorted by type."""
    structure = crowd(2)
    structure = structure[structure.types.argsort(kind="stable")]
    return find_environment(structure.coord, structure.cell, structure.types, rcut)


def moments_of(part: PairwiseDescriptor, env: Environment, basis: ChebyshevBasis) -> torch.Tensor:
    """Moments (natoms, components, ntypes, K) of atoms sorted by type, by the torch operator in float64."""
    return TorchPairOperator(part.pair_form(basis), torch.float64).forward(table_of(env, part.ntypes))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_the_equations_as_loops(case: str, fixed_slots: bool) -> None:
    part, env = descriptor(case, fixed_slots), environment()
    expected = (se_e2_a if isinstance(part.config, SeE2AConfig) else se_e2_r)(part, env)
    actual = part(env).detach()
    assert actual.shape == (env.natoms, part.width) == tuple(expected.shape)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13 * float(expected.abs().max()))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_the_spectral_form(case: str, fixed_slots: bool) -> None:
    part, env = descriptor(case, fixed_slots), environment()
    basis = ChebyshevBasis(0.0, 1.2, 64)
    moments = moments_of(part, part.select_neighbours(env), basis)
    C = part.coefficients(basis)
    rows = torch.cat([part.contract(moments[i : i + 1], C[env.types[i]]) for i in range(env.natoms)])
    expected = part(env)
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-10 * float(expected.detach().abs().max()))


@pytest.mark.parametrize("case", ["one_side", "radial", "few"])
def test_pairs_beyond_the_cutoff_are_passed_over(case: str) -> None:
    part = descriptor(case, fixed_slots=False)
    within, beyond = environment(3.0), environment(4.5)
    assert len(beyond.centre) > 2 * len(within.centre)
    torch.testing.assert_close(part(beyond), part(within))


def test_the_rules_for_too_many_neighbours_differ_and_for_enough_slots_agree() -> None:
    env = environment()
    assert not torch.allclose(descriptor("few", True)(env), descriptor("few", False)(env), rtol=1e-3)
    torch.testing.assert_close(descriptor("one_side", True)(env), descriptor("one_side", False)(env))


def test_an_atom_alone_has_a_descriptor() -> None:
    none = torch.empty(0, dtype=torch.int64)
    single_atom = Environment(torch.tensor([1]), none, none, torch.empty(0, 3, dtype=torch.float64))
    for case in ("one_side", "radial"):
        part = descriptor(case, False)
        expected = (se_e2_a if case == "one_side" else se_e2_r)(part, single_atom)
        torch.testing.assert_close(part(single_atom).detach(), expected)


def test_types_that_a_batch_has_no_atoms_of() -> None:
    part = descriptor("pairs", False)
    basis = ChebyshevBasis(0.0, 1.2, 16)
    moments = moments_of(part, environment(), basis)
    D, T = part.contract_with_vectors(moments[:0], part.coefficients(basis)[0])
    assert D.shape == (0, part.width) and T.shape == (0, part.channels, 3)


def test_a_frozen_descriptor_has_no_gradients() -> None:
    part = make_descriptor(SeE2AConfig(sel=(4,), trainable=False), 1)
    assert not any(parameter.requires_grad for parameter in part.parameters())


def test_its_seed_decides_its_weights() -> None:
    first, repeated, different = (make_descriptor(SeE2RConfig(sel=(4,), seed=seed), 1) for seed in (1, 1, 2))
    weights = [next(part.parameters()) for part in (first, repeated, different)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("config", [SeE2AConfig(sel="auto"), SeE2AConfig(sel=(4, 4, 4))])
def test_sel_must_be_counts_for_every_type(config: SeE2AConfig) -> None:
    with pytest.raises(InputError, match="sel"):
        make_descriptor(config, 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"axis_neuron": 9, "neuron": [4, 8]}, "axis_neuron is 9; it should not exceed"),
        ({"rcut_smth": 6.0}, "rcut_smth is 6; it should be below rcut, 6"),
        ({"sel": [0, 0]}, "not all of them 0"),
        ({"sel": "auto:0.5"}, "a factor of 1 or more"),
        ({"neuron": [4, 0]}, "widths of layers"),
        ({"activation_function": "tan"}, "no activation function"),
    ],
)
def test_keys_that_are_wrong(keys: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeE2AConfig(**keys)
