"""Models without names for their types: trained without a type map, used by numbers, named later."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.ase import DeepPotCalculator
from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.data.system import read_system
from deepaw.potential.files.deepmd import model_of, tree_of
from deepaw.potential.files.formats import read_model, read_potential, write_potential
from deepaw.potential.input import read_potential_input
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.nativefile import with_type_names
from deepaw.potential.training.trainer import FROZEN
from deepaw.potential.typenames import has_names, placeholder_names
from potential.systems import water, write_mixed_system, write_system
from potential.trainings import DESCRIPTOR, FITTING, settings, train, write_data

NO_MAP = {"type_map": None}
UNNAMED = ("Type_0", "Type_1")


def write_numbers(folder: Path) -> None:
    """Write the data of `write_data` with equal numbers for equal elements and, but for one system, without names."""
    write_system(folder / "train" / "box", water(4, molecules=3, seed=1), type_map=None)
    write_system(folder / "train" / "free", water(3, molecules=2, seed=2, periodic=False))
    write_system(folder / "valid", water(3, molecules=3, seed=3), type_map=None)


def test_placeholders() -> None:
    assert placeholder_names(2) == UNNAMED
    assert not has_names(UNNAMED) and not has_names(list(UNNAMED)) and not has_names(())
    assert has_names(("O", "H")) and has_names(("Type_1", "Type_0"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of one training with names and one without, of the same data."""
    folder = tmp_path_factory.mktemp("trained")
    write_data(folder)
    train(settings(folder), folder, folder / "named")
    (folder / "numbers").mkdir()
    write_numbers(folder / "numbers")
    train(settings(folder / "numbers", model=NO_MAP), folder / "numbers", folder / "numbers" / "out")
    return folder


def test_without_names_the_model_is_the_same(trained: Path) -> None:
    named = read_potential(trained / "named" / FROZEN)
    unnamed = read_potential(trained / "numbers" / "out" / FROZEN)
    assert unnamed.type_map == UNNAMED
    for name, value in named.state_dict().items():
        assert torch.equal(unnamed.state_dict()[name], value)
    completed = json.loads((trained / "numbers" / "out" / "out.json").read_text())
    assert completed["model"]["type_map"] == list(UNNAMED)
    again = read_potential_input(trained / "numbers" / "out" / "out.json")
    assert again.model.config() == unnamed.config


def test_a_restart_needs_no_names(trained: Path) -> None:
    folder = trained / "numbers"
    longer = settings(folder, model=NO_MAP, training={"numb_steps": 10})
    train(longer, folder, folder / "longer", init_model=folder / "out" / "model.ckpt.pt")
    assert read_potential(folder / "longer" / FROZEN).type_map == UNNAMED


def test_used_by_numbers(trained: Path) -> None:
    path = trained / "numbers" / "out" / FROZEN
    potential, named = DeepPot(path), DeepPot(trained / "named" / FROZEN)
    assert (potential.get_type_map(), potential.get_ntypes()) == ([], 2)
    system = read_system(trained / "valid", UNNAMED)
    for one, other in zip(
        potential.eval(system.coord, system.cell, system.types[0]),
        named.eval(system.coord, system.cell, system.types[0]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_the_calculator_of_ase_needs_a_type_dict(trained: Path) -> None:
    path = trained / "numbers" / "out" / FROZEN
    with pytest.raises(
        InputError, match=r"the 2 types of the model are numbers without names; give type_dict, such as"
    ):
        DeepPotCalculator(path)
    system = read_system(trained / "valid", ("O", "H"))
    from ase import Atoms

    frame = system.frame(0)
    atoms = Atoms(["OH"[kind] for kind in frame.types], frame.coord, cell=frame.cell, pbc=True)
    atoms.calc = DeepPotCalculator(path, type_dict={"O": 0, "H": 1})
    energy = atoms.get_potential_energy()
    atoms.calc = DeepPotCalculator(trained / "named" / FROZEN)
    assert energy == atoms.get_potential_energy()


def test_names_are_given_once(trained: Path, tmp_path: Path) -> None:
    unnamed = read_potential(trained / "numbers" / "out" / FROZEN)
    named = with_type_names(unnamed, ["O", "H"])
    assert (named.type_map, named.config.type_map, unnamed.type_map) == (("O", "H"), ("O", "H"), UNNAMED)
    assert all(torch.equal(named.state_dict()[name], value) for name, value in unnamed.state_dict().items())
    assert (named.closest, named.provenance) == (unnamed.closest, unnamed.provenance)
    for name in ("model.safetensors", "model.dp"):
        write_potential(tmp_path / name, named)
        assert read_model(tmp_path / name).type_map == ("O", "H")
    with pytest.raises(InputError, match="have the names O H already"):
        with_type_names(named, ["H", "O"])
    with pytest.raises(InputError, match="--type-map has the names O, and the model has 2 types"):
        with_type_names(unnamed, ["O"])


def test_an_empty_type_map_of_deepmd_kit() -> None:
    content = {"type_map": UNNAMED, "descriptor": DESCRIPTOR, "fitting_net": FITTING}
    tree = tree_of(PotentialModel(ModelConfig.model_validate(content)))
    tree["model"]["type_map"] = []
    for part in ("descriptor", "fitting"):
        tree["model"][part]["type_map"] = None
    assert model_of(tree, "model.dp").type_map == UNNAMED
    del tree["model"]["fitting"]["ntypes"]
    with pytest.raises(InputError, match=r"model\.dp: model\.type_map is empty, and the number of types is not known"):
        model_of(tree, "model.dp")


def test_types_are_numbers_whatever_a_system_calls_them(tmp_path: Path) -> None:
    write_system(tmp_path / "water", water(1, molecules=1), type_map=("H", "O"))
    raw = np.loadtxt(tmp_path / "water" / "type.raw", dtype=int)
    np.testing.assert_array_equal(read_system(tmp_path / "water", UNNAMED).types[0], raw)
    with pytest.raises(InputError, match=r"atoms of type 1, but the model's type map \(Type_0\) goes from 0 to 0"):
        read_system(tmp_path / "water", ("Type_0",))


def test_systems_that_name_a_number_differently(tmp_path: Path) -> None:
    write_data(tmp_path)
    with pytest.raises(
        InputError,
        match=r"free/type_map\.raw has the types H O and .*box/type_map\.raw O H; .* model\.type_map is needed\.",
    ):
        train(settings(tmp_path, model=NO_MAP), tmp_path, tmp_path / "out")


def test_as_many_types_as_the_data_have(tmp_path: Path) -> None:
    write_mixed_system(tmp_path / "train", [water(2, molecules=1), water(2, molecules=2)], ("C", "O", "H"))
    write_system(tmp_path / "valid", water(2), type_map=None)
    with pytest.raises(
        InputError,
        match=r"^model: sel has 2 entries; .* 3 types; there is no type_map, and the types are Type_0 Type_1",
    ):
        train(settings(tmp_path, model=NO_MAP), tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "out.json").exists()
    three = {**NO_MAP, "descriptor": {**DESCRIPTOR, "sel": [4, 12, 24]}}
    train(settings(tmp_path, model=three, training={"numb_steps": 1}), tmp_path, tmp_path / "three")
    assert read_potential(tmp_path / "three" / FROZEN).type_map == ("Type_0", "Type_1", "Type_2")
    (tmp_path / "train" / "type_map.raw").unlink()
    train(settings(tmp_path, model=three, training={"numb_steps": 1}), tmp_path, tmp_path / "no_names")
    assert read_potential(tmp_path / "no_names" / FROZEN).type_map == ("Type_0", "Type_1", "Type_2")
