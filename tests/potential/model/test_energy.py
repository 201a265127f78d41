"""Potentials: biases, exclusions, initial weights."""

from __future__ import annotations

import torch

from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from potential.randommodels import random_model
from potential.structures import crowd
from potential.test_physics import config_of


def energies(model: PotentialModel) -> torch.Tensor:
    structure = crowd(len(model.type_map))
    env = find_environment(structure.coord, structure.cell, structure.types, model.rcut)
    result: torch.Tensor = model(env).detach()
    return result


def test_biases_are_added_by_type() -> None:
    model = random_model(config_of("one_side"))
    before, types = energies(model), torch.from_numpy(crowd(2).types)
    model.bias += torch.tensor([1.0, -2.0])
    torch.testing.assert_close(energies(model) - before, torch.tensor([1.0, -2.0], dtype=torch.float64)[types])


def test_excluded_types_are_still_neighbours() -> None:
    keys = config_of("one_side").model_dump()
    plain = random_model(ModelConfig.model_validate(keys))
    excluded = random_model(ModelConfig.model_validate(keys | {"atom_exclude_types": [1]}))
    types = torch.from_numpy(crowd(2).types)
    torch.testing.assert_close(energies(excluded), torch.where(types == 0, energies(plain), 0.0))


def test_pairs_that_are_excluded_are_no_neighbours() -> None:
    keys = config_of("one_side").model_dump()
    model = random_model(ModelConfig.model_validate(keys | {"pair_exclude_types": [[0, 1]]}))
    structure = crowd(2)
    env = find_environment(structure.coord, structure.cell, structure.types, model.rcut)
    seen = model.visible(env)
    assert (seen.types[seen.centre] == seen.types[seen.neighbour]).all()
    alike = env.types[env.centre] == env.types[env.neighbour]
    assert torch.equal(seen.vector, env.vector[alike])
    plain = random_model(ModelConfig.model_validate(keys))
    torch.testing.assert_close(model(env), plain(env.select(alike)))


def test_the_same_generator_gives_the_same_model() -> None:
    first, same, other = (
        PotentialModel(config_of("hybrid"), generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    for name, value in first.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    assert not torch.equal(energies(first), energies(other))
