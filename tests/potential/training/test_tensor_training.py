"""Trainings of dipoles and polarizabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepPolar
from deepaw.potential.data.system import read_system
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.input import read_potential_input
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.nativefile import load_model
from deepaw.potential.training.statistics import fit_shifts
from potential.systems import water
from potential.tensors import ALONE, tensor_input, tensor_labels, write_tensor_data, write_tensors
from potential.trainings import assert_same, curve, train

pytestmark = [pytest.mark.filterwarnings("ignore:there is no"), pytest.mark.filterwarnings("ignore:sel is")]

DIPOLE = {"type": "dipole", "sel_type": [0]}
POLAR = {"type": "polar", "sel_type": [0]}


def trained(folder: Path, output: str, content: dict[str, Any], **start: Path) -> TensorModel:
    path = folder / "input.json"
    path.write_text(json.dumps(content))
    model = train(read_potential_input(path), folder, folder / output, **start)
    assert isinstance(model, TensorModel)
    return model


@pytest.mark.parametrize(
    ("fitting", "label", "name"), [(DIPOLE, "dipole", "dipole"), (POLAR, "polarizability", "polar")]
)
def test_learning(tmp_path: Path, fitting: dict, label: str, name: str) -> None:
    write_tensor_data(tmp_path, label)
    trained(tmp_path, "out", tensor_input(fitting, numb_steps=250, disp_freq=50))
    lines = (tmp_path / "out/lcurve.out").read_text().splitlines()
    assert lines[0].split()[2:] == [
        f"{column}_{part}" for column in (f"rmse_global_{name}", f"rmse_local_{name}") for part in ("val", "trn")
    ] + ["lr"]
    last = curve(tmp_path / "out")[-1]
    # what is written says of new frames what the last line of the curve did
    frames = water(3, molecules=3, seed=3)
    deep = (DeepDipole if label == "dipole" else DeepPolar)(tmp_path / "out/frozen_model.safetensors")
    expected = tensor_labels(frames)
    off = deep.eval(frames.coord, frames.cell, frames.types) - expected[f"atomic_{label}"].reshape(3, 9, -1)
    assert (off[:, 3:] == 0).all()
    error = np.sqrt(np.square(off[:, :3]).mean())
    labels = expected[f"atomic_{label}"][:, :3]
    assert error < 0.7 * np.sqrt(np.square(labels - labels.mean(axis=(0, 1))).mean())
    assert error == pytest.approx(last[3], rel=0.01)
    off = deep.eval(frames.coord, frames.cell, frames.types, atomic=False) - expected[label].reshape(3, -1)
    assert np.sqrt(np.square(off / 3).mean()) == pytest.approx(last[1], rel=0.01)


def test_restarted_is_uninterrupted(tmp_path: Path) -> None:
    write_tensor_data(tmp_path, "dipole")
    trained(tmp_path, "whole", tensor_input(DIPOLE))
    (tmp_path / "parts").mkdir()
    for name in ("model.ckpt-4.pt", "lcurve.out"):
        (tmp_path / "parts" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    trained(tmp_path, "parts", tensor_input(DIPOLE), restart=tmp_path / "parts/model.ckpt-4.pt")
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize(("fitting", "label"), [(DIPOLE, "dipole"), (POLAR, "polarizability")])
def test_labels_of_selected_atoms_alone(tmp_path: Path, fitting: dict, label: str) -> None:
    write_tensor_data(tmp_path, label)
    trained(tmp_path, "all", tensor_input(fitting))
    for path in tmp_path.glob(f"*/**/atomic_{label}.npy"):
        types = np.loadtxt(path.parent.parent / "type.raw", dtype=int)
        rows = np.load(path)
        np.save(path, rows.reshape(len(rows), len(types), -1)[:, types == 0].reshape(len(rows), -1))
    trained(tmp_path, "selected", tensor_input(fitting))
    assert_same(tmp_path / "selected", tmp_path / "all")


def test_from_another_model(tmp_path: Path) -> None:
    write_tensor_data(tmp_path, "polarizability")
    trained(tmp_path, "a", tensor_input(POLAR))
    for way in ("init_model", "finetune"):
        trained(tmp_path, way, tensor_input(POLAR, numb_steps=0), **{way: tmp_path / "a/frozen_model.safetensors"})
        before, after = (load_model(tmp_path / name / "frozen_model.safetensors") for name in ("a", way))
        for key, value in before.state_dict().items():
            assert torch.equal(value, after.state_dict()[key]), key


def test_shifts_are_means_of_the_data(tmp_path: Path) -> None:
    frames = water(5, molecules=2)
    labels = tensor_labels(frames)
    mean = float(labels["polarizability"].trace(axis1=1, axis2=2).mean()) / 3 / 2  # molecules
    atomic_system = read_system(write_tensors(tmp_path / "a", frames, "atomic_polarizability"), ("O", "H"))
    total_system = read_system(write_tensors(tmp_path / "f", frames, "polarizability"), ("O", "H"))
    selected = np.array([1.0, 0.0])
    for systems in ([atomic_system], [total_system], [atomic_system, total_system]):
        shifts = fit_shifts(selected, [frame for system in systems for frame in system.frames()])
        np.testing.assert_allclose(shifts, [mean, 0], rtol=1e-12)
    # of all types: atoms have their labels, and H, whose are 0, does not take part of what O has
    np.testing.assert_allclose(fit_shifts(np.ones(2), atomic_system.frames()), [mean, 0], rtol=1e-12)
    # compositions do not tell apart what O and H have: the solution of smallest norm
    unresolved_shifts = fit_shifts(np.ones(2), total_system.frames())
    np.testing.assert_allclose(unresolved_shifts, mean * np.array([1, 2]) / 5, rtol=1e-12)
    assert ALONE < mean < ALONE + 1


def test_the_shift_of_a_training(tmp_path: Path) -> None:
    write_tensor_data(tmp_path, "polarizability")
    for shift_diag in (True, False):
        model = trained(
            tmp_path,
            str(shift_diag),
            tensor_input(POLAR | {"shift_diag": shift_diag, "scale": [2.0, 1.0]}, numb_steps=0),
        )
        assert isinstance(model.fitting, PolarFitting)
        shift = model.fitting.shift * model.fitting.scale
        assert float(shift[1]) == 0 and (1.4 < float(shift[0]) < 2.4 if shift_diag else float(shift[0]) == 0)


def test_without_labels(tmp_path: Path) -> None:
    write_tensors(tmp_path / "train", water(2, molecules=2), "polarizability")
    content = tensor_input(DIPOLE)
    del content["training"]["validation_data"]
    with pytest.raises(InputError, match=r"There is no .*dipole\.npy, which is needed to train on"):
        trained(tmp_path, "out", content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": {"type": "ener"}}, 'loss.type is "ener"; for model.fitting_net.type "dipole" it should be "tensor"'),
        ({"loss": {"type": "tensor", "pref": 0, "pref_atomic": 0}}, "nothing is left to minimise"),
        ({"loss": {"type": "tensor", "pref": 1}}, "loss.pref_atomic is missing"),
        (
            {"model": {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_r", "rcut": 4.0}, "fitting_net": DIPOLE}},
            "has no vectors, which a fitting net of dipole needs",
        ),
    ],
)
def test_refused(tmp_path: Path, change: dict, message: str) -> None:
    write_tensor_data(tmp_path, "dipole")
    with pytest.raises(InputError, match=message):
        trained(tmp_path, "out", tensor_input(DIPOLE) | change)
    assert not (tmp_path / "out/lcurve.out").exists()
