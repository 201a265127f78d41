"""The model: biases, exclusions, native files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepaw.errors import InputError
from deepaw.modelfile import ModelFile, read_metadata, read_model, write_model
from deepaw.potential.model.atomic import KIND
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.typemap import types_of
from deepaw.potential.native import load_model
from deepaw.potential.neighbours.pairs import find_environment
from potential.randommodels import random_model
from potential.structures import crowd
from potential.test_physics import MODELS, config_of


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


def test_types_that_contribute_nothing_are_still_seen() -> None:
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


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("fixed_slots", [True, False])
def test_a_native_file_holds_all_of_it(case: str, fixed_slots: bool, tmp_path: Path) -> None:
    model = random_model(config_of(case), fixed_slots=fixed_slots)
    model.closest, model.provenance = 0.83, {"trained on": ["water"], "steps": 10}
    model.save(tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    assert (loaded.fixed_slots, loaded.closest, loaded.provenance) == (fixed_slots, 0.83, model.provenance)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value) and loaded.state_dict()[name].dtype == value.dtype
    assert read_metadata(tmp_path / "model.safetensors")["units"] == {"length": "A", "energy": "eV"}


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "config", "key", "kind"])
def test_a_file_that_does_not_fit_itself(change: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    random_model(config_of("one_side")).save(path)
    file = read_model(path, KIND)
    metadata, tensors, kind = dict(file.metadata), dict(file.tensors), KIND
    said = "has a tensor .* that does not fit its description"
    if change == "missing":
        del tensors["bias"]
    elif change == "extra":
        tensors["more"] = torch.zeros(1)
    elif change == "shape":
        tensors["bias"] = torch.zeros(3)
    elif change == "config":
        metadata["model"] = {**metadata["model"], "fitting_net": {"type": "dos"}}
        said = "has a description that is not that of a potential"
    elif change == "key":
        del metadata["fixed_slots"]
        said = "has a description that is not that of a potential"
    else:
        kind, said = "density", "kind 'potential' is needed"
    write_model(path, ModelFile(kind, metadata, tensors))
    with pytest.raises(InputError, match=said):
        load_model(path)


def test_symbols_as_types() -> None:
    assert types_of(["H", "O", "H"], ("O", "H")) == [1, 0, 1]
    with pytest.raises(InputError, match="atom 2 is C; the model knows O, H"):
        types_of(["H", "C"], ("O", "H"))
