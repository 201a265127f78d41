"""Copies and pickles of everything that holds a model: the same numbers, no weights, and refusals in one sentence."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import pickletools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ase.mep import NEB

from deepaw import InferenceEngine
from deepaw.ase import DeepPotCalculator
from deepaw.density.model.model import load_density_model
from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepPot
from deepaw.modelsource import file_hash, open_model
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.files.formats import read_potential
from deepaw.potential.nativefile import load_model
from modelkinds import KINDS, energies, numbers_elsewhere, water, write_density
from potential.longrange.models import long_range_model
from server.models import write_potential, write_tensor

WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda held: pickle.loads(pickle.dumps(held))}

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("used", [False, True])
def test_copies_give_the_same_numbers(tmp_path, monkeypatch, kind, way, used):
    """Also those of objects that have computed something, and of files named relative to another folder."""
    monkeypatch.chdir(tmp_path)
    held = kind.make(kind.write(Path("model.safetensors")))
    if used:
        kind.numbers(held)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    twin = way(held)
    assert type(twin) is type(held) and twin is not held
    assert np.array_equal(kind.numbers(twin), kind.numbers(held))
    assert np.array_equal(kind.numbers(way(twin)), kind.numbers(held))


@each_kind
def test_pickles_hold_no_weights(tmp_path, kind):
    """Only names of this package's classes and functions, and of plain data of Python, NumPy and ASE."""
    held = kind.make(kind.write(tmp_path / "model.safetensors"))
    kind.numbers(held)
    content = pickle.dumps(held)
    assert len(content) < 4000 < (tmp_path / "model.safetensors").stat().st_size
    texts = [value for _, value, _ in pickletools.genops(content) if isinstance(value, str)]
    assert file_hash(tmp_path / "model.safetensors") in texts
    assert not any(text.split(".")[0] == "torch" for text in texts)


@each_kind
def test_changed_and_missing_files_are_named(tmp_path, kind):
    path = kind.write(tmp_path / "model.safetensors")
    held = kind.make(path)
    content = pickle.dumps(held)
    before = kind.numbers(held)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError) as caught:
        pickle.loads(content)
    assert str(caught.value).startswith(f"{path} has changed since a pickled object was made from it (its SHA-256 ")
    path.unlink()
    with pytest.raises(InputError) as caught:
        pickle.loads(content)
    assert str(caught.value).startswith(f"{path} is the model of an object that was pickled, and cannot be read here (")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert np.array_equal(kind.numbers(copy.deepcopy(held)), before)


@pytest.mark.parametrize(
    ("make", "write", "read"),
    [
        (DeepPot, write_potential, load_model),
        (DeepDipole, write_tensor, load_model),
        (DeepPotCalculator, write_potential, load_model),
        (InferenceEngine, write_density, load_density_model),
    ],
)
def test_models_in_memory_are_copied_but_not_pickled(tmp_path, make, write, read):
    held = make(read(write(tmp_path / "model.safetensors")))
    with pytest.raises(InputError, match=r"was made from a model in memory, so it cannot be pickled; write the model"):
        pickle.dumps(held)
    assert type(copy.deepcopy(held)) is make


def test_copies_share_the_model_but_not_neighbour_lists(tmp_path):
    model = DeepPot(write_potential(tmp_path / "model.safetensors"))
    assert copy.deepcopy(model).get_model() is model.get_model()
    one = DeepPotCalculator(tmp_path / "model.safetensors", skin=1.0)
    atoms = water()
    one.get_forces(atoms)
    other = copy.deepcopy(one)
    assert other.results.keys() == one.results.keys() and other.results is not one.results
    moved = water()
    moved.positions += np.random.default_rng(1).normal(0, 0.02, moved.positions.shape)
    expected = DeepPotCalculator(tmp_path / "model.safetensors").get_forces(moved)
    for calculator, frame in ((other, moved), (one, atoms), (one, moved), (other, atoms), (other, moved)):
        forces = calculator.get_forces(frame)
    assert np.allclose(forces, expected, rtol=0, atol=1e-10)


def test_copies_of_electrostatics(tmp_path):
    """The engine of the dipoles has neighbour lists too."""
    long_range_model().save(tmp_path / "model.safetensors")
    one = DeepPotCalculator(tmp_path / "model.safetensors", skin=1.0)
    expected = energies(one)
    other = copy.deepcopy(one)
    assert other._engine._long_range is not one._engine._long_range
    assert np.allclose(energies(other), expected, rtol=0, atol=1e-10)
    assert np.allclose(energies(pickle.loads(pickle.dumps(one))), expected, rtol=0, atol=1e-10)


def test_engines_are_copied_by_themselves(tmp_path):
    path = write_potential(tmp_path / "model.safetensors")
    model, source = open_model(path, read_potential)
    engine = pickle.loads(pickle.dumps(PotentialEngine(model, "float32", skin=0.5, source=source)))
    assert (engine.precision, engine.skin, engine.source) == ("float32", 0.5, source)
    with pytest.raises(InputError, match="This TensorEngine was made from a model in memory"):
        pickle.dumps(TensorEngine(load_model(write_tensor(tmp_path / "dipole.safetensors"))))


def test_bundled_models_go_by_their_name():
    held = pickle.loads(pickle.dumps(InferenceEngine("fast")))
    assert held._source.path == "fast"


def test_other_processes(tmp_path):
    held = {name: kind.make(kind.write(tmp_path / f"{name}.safetensors")) for name, kind in KINDS.items()}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = dict(pool.map(numbers_elsewhere, held.items()))
    assert found.keys() == KINDS.keys()
    for name, values in found.items():
        assert np.allclose(values, KINDS[name].numbers(held[name]), rtol=1e-12, atol=0), name


@pytest.mark.parametrize("parallel", [False, True])
def test_a_calculator_for_each_image_of_a_band(tmp_path, parallel):
    """Images are worked on by threads where the band is parallel."""
    calculator = DeepPotCalculator(write_potential(tmp_path / "model.safetensors"), skin=0.5)
    last = water()
    last.positions += np.random.default_rng(2).normal(0, 0.1, last.positions.shape)
    images = [water(), water(), water(), water(), last]
    for image in images:
        image.calc = copy.deepcopy(calculator)
    band = NEB(images, parallel=parallel, method="improvedtangent")
    band.interpolate()
    forces = band.get_forces()
    expected = NEB([image.copy() for image in images], method="improvedtangent")
    for image in expected.images:
        image.calc = DeepPotCalculator(tmp_path / "model.safetensors")
    assert np.allclose(forces, expected.get_forces(), rtol=0, atol=1e-10)
