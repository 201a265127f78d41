"""Training of potentials with electrostatics, from the input file to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.data.system import read_system
from deepaw.potential.engine.frames import Frame
from deepaw.potential.files.formats import read_potential, write_potential
from deepaw.potential.longrange.evaluation import LongRange
from deepaw.potential.longrange.labels import without_long_range
from potential.longrange.models import MODIFIER, charges, dipole_model
from potential.systems import water, write_system
from potential.trainings import assert_same, settings, train

SYSTEMS: dict[str, Any] = {"training": {"training_data": {"systems": ["train/box"], "batch_size": 2}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_system(tmp_path / "train" / "box", water(4, molecules=3, seed=1))
    write_system(tmp_path / "train" / "free", water(3, molecules=2, seed=2, periodic=False), type_map=("H", "O"))
    write_system(tmp_path / "valid", water(3, molecules=3, seed=3))
    dipole_model().save(tmp_path / "dipole.safetensors")
    return tmp_path


def given(folder: Path, **training: Any) -> Any:
    section = {"training_data": {"systems": ["train/box"], "batch_size": 2}, **training}
    rate = {"decay_rate": 0.9, "stop_lr": None}
    return settings(folder, model={"modifier": MODIFIER}, learning_rate=rate, training=section)


def test_labels_are_without_the_electrostatics(folder: Path) -> None:
    system = read_system(folder / "train" / "box", ["O", "H"])
    (corrected,) = without_long_range(charges(), [system])
    before, after = system.frame(2), corrected.frame(2)
    found = LongRange(charges()).evaluate(Frame(before.coord, before.cell, before.types))
    for name in ("energy", "force", "virial"):
        np.testing.assert_allclose(after.labels[name] + getattr(found, name).numpy(), before.labels[name], atol=1e-9)
        assert np.abs(after.labels[name] - before.labels[name]).max() > 0.1
    assert system.frame(2).labels["energy"] == before.labels["energy"]


def test_the_trained_model_adds_electrostatics(folder: Path) -> None:
    """The model contains the dipole model, and energies of types were fitted to labels without electrostatics."""
    train(given(folder), folder, folder / "out")
    (folder / "dipole.safetensors").unlink()
    for name in ("frozen_model.safetensors", "model.ckpt.pt"):
        model = read_potential(folder / "out" / name)
        assert model.modifier is not None
        weights = dipole_model().state_dict()
        assert all(torch.equal(weights[key], value) for key, value in model.modifier.dipole.state_dict().items())
    assert float(model.modifier.centroid_charge[0]) == -8.0
    system = read_system(folder / "train" / "box", ["O", "H"])
    frame = system.frame(0)
    energy = DeepPot(model).eval(frame.coord, frame.cell, frame.types)[0][0, 0]
    long_range = LongRange(model.modifier).evaluate(Frame(frame.coord, frame.cell, frame.types)).energy
    assert abs(energy - frame.labels["energy"]) < 0.3 * abs(float(long_range))


def test_a_restart_gives_identical_results(folder: Path) -> None:
    train(given(folder), folder, folder / "whole")
    train(given(folder, numb_steps=4), folder, folder / "parts")
    train(given(folder), folder, folder / "parts", restart=folder / "parts" / "model.ckpt")
    assert_same(folder / "whole", folder / "parts")


def test_the_dipole_model_is_not_trained(folder: Path) -> None:
    model = train(given(folder), folder, folder / "out")
    assert model.modifier is not None
    assert not any(weight.requires_grad for weight in model.modifier.parameters())


def test_systems_without_cells_are_refused(folder: Path) -> None:
    section = {"training_data": {"systems": ["train"], "batch_size": 2}}
    with pytest.raises(InputError, match=r"train/free has no cells \(nopbc\), which the electrostatics"):
        train(settings(folder, model={"modifier": MODIFIER}, training=section), folder, folder / "out")


def test_a_model_of_energies_as_dipole_model_is_refused(folder: Path) -> None:
    train(settings(folder), folder, folder / "first")
    name = "first/frozen_model.safetensors"
    wrong = settings(folder, model={"modifier": MODIFIER | {"model_name": name}}, **SYSTEMS)
    with pytest.raises(InputError, match="has a fitting net of type ener; dipole is needed here"):
        train(wrong, folder, folder / "out")


def test_a_missing_dipole_model(folder: Path) -> None:
    (folder / "dipole.safetensors").unlink()
    with pytest.raises(InputError, match=r"dipole\.safetensors does not exist"):
        train(given(folder), folder, folder / "out")


def test_files_of_deepmd_kit_hold_no_electrostatics(folder: Path) -> None:
    model = train(given(folder, numb_steps=0), folder, folder / "out")
    with pytest.raises(InputError, match=r"electrostatics \(model\.modifier\) have no form in \.dp"):
        write_potential(folder / "model.dp", model)
    assert not (folder / "model.dp").exists()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"modifier": {"type": "other"}}, r'model\.modifier\.type is "other"'),
        ({"modifier": MODIFIER | {"ewald_beta": 0}}, r"model\.modifier\.ewald_beta is 0"),
        (
            {"modifier": MODIFIER, "fitting_net": {"type": "dipole", "neuron": [4]}},
            "modifier is given for a fitting net",
        ),
    ],
)
def test_invalid_sections(folder: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(folder, model=section)
