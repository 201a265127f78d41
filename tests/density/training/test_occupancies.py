"""Occupancies beside a density, and alone on a finished model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.density.data.sources import read_examples
from deepaw.density.engine import InferenceEngine
from deepaw.density.evaluation.occupancies import compare_occupancies
from deepaw.density.files.chgcar import write_chgcar
from deepaw.density.model.model import DensityModel, load_density_model
from deepaw.density.occupancies.augmentation import augmentation_of_matrices
from deepaw.density.training.config import DensityInput, read_input
from deepaw.density.training.curve import read_curve
from deepaw.density.training.occupancies_alone import train_occupancies
from deepaw.density.training.trainer import Trainer
from deepaw.errors import InputError
from density.synthetic import EXPANSION, GATED, OCCUPANCY_CHANNELS, true_matrices, write_crystals, write_occupancies

CPU = torch.device("cpu")
Settings = Callable[..., DensityInput]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen crystals with occupancies."""
    folder = tmp_path_factory.mktemp("occupied") / "crystals"
    write_occupancies(folder, write_crystals(folder, 16))
    return folder


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> Settings:
    """Makes the settings of a training; keywords go to the section `occupancies`."""

    def make(steps: int = 6, model: dict | None = None, validate_every: int = 3, **occupancies: object) -> DensityInput:
        training = {
            "steps": steps,
            "probes": 50,
            "validate_every": validate_every,
            "save_every": 3,
            "warmup": 2,
            "learning_rate": 1e-2,
        }
        content = {"data": {"systems": [str(data)], "validation_fraction": 0.25}, "occupancies": occupancies}
        if "density_model" not in occupancies:
            content |= {"training": training, "model": model or EXPANSION}
        (tmp_path / "density.json").write_text(json.dumps(content))
        return read_input(tmp_path / "density.json")

    return make


def train(settings: DensityInput, output: Path, restart: Path | None = None) -> list[str]:
    said: list[str] = []
    Trainer(settings, Path(), output, CPU, restart, said.append).run()
    return said


def test_both_together(settings: Settings, tmp_path: Path, data: Path) -> None:
    said = train(settings(steps=150, validate_every=75, weight=1.0, cutoff=600, xc="PBE"), tmp_path / "out")
    assert any("occupancies of 2 elements in 12 of the structures" in line for line in said)
    model = load_density_model(tmp_path / "out" / "model.safetensors")
    assert model.occupancies is not None
    assert (model.occupancies.cutoff, model.occupancies.xc) == (600.0, "PBE")
    assert model.occupancies.setups["F"].channels == OCCUPANCY_CHANNELS["F"]
    assert model.occupancies.setups["Li"].fingerprint == "fingerprint of Li"
    assert model.occupancies.setups["Li"].Delta_pL.shape == (15, 9)
    errors = compare_occupancies(InferenceEngine(model), read_examples(data)).elements
    assert [error.symbol for error in errors] == ["Li", "F"]
    for error in errors:
        assert error.error < 0.7 * error.mean
        assert error.free_atom is not None and error.free_atom > error.mean
    assert model.occupancies.errors.keys() == {"Li", "F"}
    points = read_curve(tmp_path / "out" / "lcurve.out")
    assert [list(point.occupancies) for point in points] == [["Li", "F"]] * 2
    # the curve ends before the readout is corrected in closed form
    assert sum(points[-1].occupancies.values()) > sum(model.occupancies.errors.values())


def test_the_smooth_density_is_learnt(settings: Settings, tmp_path: Path, data: Path) -> None:
    """Density and charges together are the density of the data, which the charges alone are far from."""
    radii = {"Li": 0.5, "F": 0.4}
    with pytest.raises(InputError, match=r"setup of Li does not say .* occupancies.compensation_radii"):
        train(settings(smooth_density=True), tmp_path / "none")
    made = settings(steps=300, validate_every=300, weight=1.0, smooth_density=True, compensation_radii=radii)
    train(made, tmp_path / "out")
    model = load_density_model(tmp_path / "out" / "model.safetensors")
    assert model.occupancies is not None and model.compensation is model.occupancies
    assert model.occupancies.setups["F"].radius == 0.4
    example = read_examples(data)[0]
    reference = example.density()

    def error(kept: DensityModel) -> float:
        shape = (reference.shape[0], reference.shape[1], reference.shape[2])
        found = InferenceEngine(kept).predict(example.atoms, shape, raw=True).density_3d
        return float(np.abs(found - reference).sum() / np.abs(reference).sum())

    assert error(model) < 0.1
    assert error(replace(model, compensation=None)) > 0.3


def test_other_occupancies_leave_a_smooth_density_as_it_is(settings: Settings, tmp_path: Path, data: Path) -> None:
    made = settings(steps=20, validate_every=20, smooth_density=True, compensation_radii={"Li": 0.5, "F": 0.4})
    train(made, tmp_path / "density")
    path, again = tmp_path / "density" / "model.safetensors", tmp_path / "both" / "model.safetensors"
    train_occupancies(settings(density_model=str(path), cutoff=400), Path(), tmp_path / "both", CPU, lambda text: None)
    before, after = load_density_model(path), load_density_model(again)
    assert after.occupancies is not None and after.occupancies.cutoff == 400
    assert after.compensation is not None and after.compensation is not after.occupancies
    atoms = read_examples(data)[0].atoms
    assert np.array_equal(
        InferenceEngine(before).predict(atoms=atoms, grid_shape=(6, 6, 6)).density_3d,
        InferenceEngine(after).predict(atoms=atoms, grid_shape=(6, 6, 6)).density_3d,
    )


def test_restarted_is_uninterrupted(settings: Settings, tmp_path: Path) -> None:
    checkpoint, kept = tmp_path / "out" / "checkpoint.pt", tmp_path / "out" / "kept.pt"

    def keep(text: str) -> None:
        if checkpoint.exists() and not kept.exists():
            checkpoint.rename(kept)  # that of step 3, before that of step 6 is written

    Trainer(settings(), Path(), tmp_path / "out", CPU, None, keep).run()
    train(settings(), tmp_path / "again", kept)
    readouts = []
    for name in ("out", "again"):
        occupancies = load_density_model(tmp_path / name / "model.safetensors").occupancies
        assert occupancies is not None
        readouts.append(occupancies.readout.state_dict())
    assert all(torch.equal(readouts[0][name], readouts[1][name]) for name in readouts[0])
    assert any(weight.any() for name, weight in readouts[0].items() if "weights" in name)
    curves = [read_curve(tmp_path / name / "lcurve.out") for name in ("out", "again")]
    assert [point.step for point in curves[0]] == [3, 6] and [point.step for point in curves[1]] == [6]
    assert curves[0][1].occupancies == curves[1][0].occupancies
    with pytest.raises(InputError, match="made with other occupancies"):
        Trainer(settings(learn=False), Path(), tmp_path / "other", CPU, kept, lambda text: None)


def test_without_them_all_is_as_before(settings: Settings, tmp_path: Path) -> None:
    for name, made in (("off", settings(learn=False)), ("gated", settings(steps=2, model=GATED))):
        train(made, tmp_path / name)
        model = load_density_model(tmp_path / name / "model.safetensors")
        assert model.occupancies is None
        atoms = read_examples(made.data.systems[0])[0].atoms
        assert InferenceEngine(model).occupancies(atoms) == [None] * len(atoms)


def test_alone_on_a_finished_model(settings: Settings, tmp_path: Path, data: Path) -> None:
    train(settings(steps=60, learn=False), tmp_path / "density")
    path = tmp_path / "density" / "model.safetensors"
    said: list[str] = []
    alone = settings(density_model=str(path))
    train_occupancies(alone, Path(), tmp_path / "both", CPU, said.append)
    before, after = load_density_model(path), load_density_model(tmp_path / "both" / "model.safetensors")
    assert after.occupancies is not None
    assert all(
        torch.equal(value, after.network.state_dict()[name]) for name, value in before.network.state_dict().items()
    )
    errors = compare_occupancies(InferenceEngine(after), read_examples(data)).elements
    assert all(error.error < 0.7 * error.mean for error in errors)
    assert any(line.startswith("occupancies, validation: Li") for line in said)
    assert (tmp_path / "both" / "validation.txt").read_text().count("\n") == 4
    atoms = read_examples(data)[0].atoms
    assert np.array_equal(
        InferenceEngine(before).predict(atoms=atoms, grid_shape=(6, 6, 6)).density_3d,
        InferenceEngine(after).predict(atoms=atoms, grid_shape=(6, 6, 6)).density_3d,
    )


def test_alone_needs_occupancies_and_features(settings: Settings, tmp_path: Path, data: Path) -> None:
    train(settings(steps=2, learn=False), tmp_path / "density")
    train(settings(steps=2, model=GATED), tmp_path / "gated")
    bare = tmp_path / "bare"
    write_crystals(bare, 6)
    alone = settings(density_model=str(tmp_path / "density" / "model.safetensors"))
    empty = alone.model_copy(update={"data": alone.data.model_copy(update={"systems": (str(bare),)})})
    with pytest.raises(InputError, match=r"None of the .* structures to learn from has occupancies"):
        train_occupancies(empty, Path(), tmp_path / "out", CPU, lambda text: None)
    with pytest.raises(InputError, match="gated readout"):
        train_occupancies(
            settings(density_model=str(tmp_path / "gated" / "model.safetensors")), Path(), tmp_path / "out", CPU
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("occupancies", "says"),
    [
        ({"learn": False, "density_model": "fast"}, "occupancies: learn is false"),
        ({"setup_channels": {"Fe": "s s x"}}, "occupancies: the channels of Fe are 's s x'"),
        ({"weight": 0}, "occupancies.weight is 0"),
        ({"setup_chanels": {}}, "did you mean occupancies.setup_channels"),
    ],
)
def test_the_section_is_checked(settings: Settings, occupancies: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        settings(**occupancies)


def test_a_finished_model_is_not_trained_again(settings: Settings, tmp_path: Path) -> None:
    content = {"data": {"systems": ["x"]}, "occupancies": {"density_model": "fast"}, "training": {"steps": 3}}
    (tmp_path / "density.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="finished model, which is not trained again; leave out training"):
        read_input(tmp_path / "density.json")


def test_from_chgcars(settings: Settings, tmp_path: Path, data: Path) -> None:
    """Lithium has as many numbers as s s p; the channels of fluorine are named."""
    folder = tmp_path / "chgcars"
    folder.mkdir()
    for example in read_examples(data)[:6]:
        symbols = list(example.atoms.symbols)
        augmentation = augmentation_of_matrices(symbols, OCCUPANCY_CHANNELS, true_matrices(example.atoms))
        density = example.density()
        path = folder / f"CHGCAR_{example.name}"
        nx, ny, nz = density.shape
        write_chgcar(path, example.atoms, (nx, ny, nz), [density], augmentation=augmentation)
    made = settings(steps=2)
    made = made.model_copy(update={"data": made.data.model_copy(update={"systems": (str(folder),)})})
    with pytest.raises(InputError, match=r"78 augmentation occupancies for F, which fit no list .*setup_channels"):
        train(made, tmp_path / "out")
    named = settings(steps=2, setup_channels={"F": "s p s p d"})
    train(named.model_copy(update={"data": made.data}), tmp_path / "out")
    model = load_density_model(tmp_path / "out" / "model.safetensors")
    assert model.occupancies is not None and model.occupancies.for_vasp
    assert {symbol: setup.channels.name for symbol, setup in model.occupancies.setups.items()} == {
        "Li": "s s p",
        "F": "s p s p d",
    }
    errors = compare_occupancies(InferenceEngine(model), read_examples(folder)).elements
    assert [error.symbol for error in errors] == ["Li", "F"]
    assert all(error.free_atom is None for error in errors)
