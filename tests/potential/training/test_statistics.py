"""Statistics of environments, parameters and energies; expected values are those of DeePMD-kit 3.2.0."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.potential.data.system import System, read_system
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.statistics import (
    fit_energies,
    sampled_frames,
    set_energies,
    set_environment_statistics,
    set_parameter_statistics,
    shift_energies,
)
from potential.systems import water, write_system

TYPES = ("H", "O")
ANGULAR = {
    "type": "se_e2_a",
    "sel": (40, 20),
    "rcut": 4.0,
    "rcut_smth": 1.0,
    "neuron": (3, 6),
    "axis_neuron": 2,
    "exclude_types": ((0, 0),),
}
RADIAL = {
    "type": "se_e2_r",
    "sel": (60, 30),
    "rcut": 4.5,
    "rcut_smth": 0.5,
    "neuron": (3, 6),
    "set_davg_zero": True,
}


@pytest.fixture
def systems(tmp_path) -> list[System]:
    """Return three systems of different composition with parameters, one without a cell."""
    paths = []
    for name, frames in (
        ("large", water(3, molecules=3, seed=4)),
        ("small", water(2, molecules=1, seed=5)),
        ("free", water(2, molecules=2, seed=6, periodic=False)),
    ):
        paths.append(write_system(tmp_path / name, frames))
        random, count = np.random.default_rng(len(frames.types)), len(frames.coord)
        np.save(paths[-1] / "set.000" / "fparam.npy", random.normal(2, 3, (count, 2)))
        np.save(paths[-1] / "set.000" / "aparam.npy", random.normal(-1, 0.5, (count, len(frames.types))))
    return [read_system(path, TYPES) for path in paths]


def _model(descriptor=ANGULAR, **fitting) -> PotentialModel:
    return PotentialModel(
        ModelConfig.model_validate({"type_map": TYPES, "descriptor": descriptor, "fitting_net": fitting})
    )


def _frames(systems):
    return [frame for system in systems for frame in system.frames()]


def test_environments(systems):
    model = _model({"type": "hybrid", "list": (ANGULAR, RADIAL)})
    set_environment_statistics(model, _frames(systems))
    angular, radial = model.descriptor.parts
    davg = [[0.021137650665049017, 0, 0, 0], [0.0449182137840215, 0, 0, 0]]
    dstd = [[0.13549842346731866, *[0.0791450710696646] * 3], [0.18922154588626747, *[0.11219514918441167] * 3]]
    np.testing.assert_allclose(angular.davg, davg, rtol=1e-12)
    np.testing.assert_allclose(angular.dstd, dstd, rtol=1e-12)
    np.testing.assert_array_equal(radial.davg, [[0.0], [0.0]])
    np.testing.assert_allclose(radial.dstd, [[0.13065547097379454], [0.15395401407123047]], rtol=1e-12)


def test_a_type_that_does_not_occur_and_one_that_is_alone(tmp_path):
    molecule = water(1, molecules=1, periodic=False)
    oxygen = type(molecule)(np.array([0]), molecule.coord[:, :1], None, {"energy": np.array([-1.0])})
    system = read_system(write_system(tmp_path / "oxygen", oxygen, labels=("energy",)), TYPES)
    model = _model()
    set_environment_statistics(model, system.frames())
    assert not model.descriptor.davg.any()
    np.testing.assert_array_equal(model.descriptor.dstd, [[0.1] * 4, [0.01] * 4])


def test_parameters(systems):
    model = _model(numb_fparam=2, numb_aparam=1)
    set_parameter_statistics(model, _frames(systems), 1e-2)
    fitting = model.fitting
    np.testing.assert_allclose(fitting.fparam_mean, [1.8470482330604363, 1.5549008799818183], rtol=1e-12)
    np.testing.assert_allclose(fitting.fparam_scale, [0.21615987890594732, 0.27127616389269815], rtol=1e-12)
    np.testing.assert_allclose(fitting.aparam_mean, [-0.9365151780178012], rtol=1e-12)
    np.testing.assert_allclose(fitting.aparam_scale, [1.7152281353582854], rtol=1e-12)
    set_parameter_statistics(model, _frames(systems), 4.0)
    np.testing.assert_allclose(fitting.fparam_scale, [0.21615987890594732, 0.25], rtol=1e-12)


def test_the_default_parameter_stands_in(systems):
    model = _model(numb_fparam=2, default_fparam=(1.0, -1.0))
    frames = _frames(systems)
    for frame in frames:
        del frame.labels["fparam"]
    set_parameter_statistics(model, frames, 0.05)
    assert model.fitting.fparam_mean.tolist() == [1.0, -1.0]
    assert model.fitting.fparam_scale.tolist() == [20.0, 20.0]


def test_energies(systems):
    for fixed, frames, expected in (
        ((), _frames(systems), [-5.056815992808927, -2.5284079964044626]),
        ((), _frames(systems[:1]), [-5.049039766084481, -2.5245198830422413]),
        ((-1.0, None), _frames(systems), [-1.0, -10.642039982022307]),
    ):
        model = _model(atom_ener=fixed)
        set_energies(model, frames)
        np.testing.assert_allclose(model.bias, expected, rtol=1e-12)


def test_energies_of_excluded_types_and_without_labels(systems):
    model = PotentialModel(
        ModelConfig.model_validate({"type_map": TYPES, "descriptor": ANGULAR, "atom_exclude_types": (0,)})
    )
    frames = _frames(systems)
    set_energies(model, frames)
    counts = np.array([(frame.types == 1).sum() for frame in frames])
    energies = np.array([frame.labels["energy"] for frame in frames])
    np.testing.assert_allclose(model.bias, [0, counts @ energies / (counts @ counts)], rtol=1e-12)
    for frame in frames:
        del frame.labels["energy"]
    set_energies(model, frames)
    assert not model.bias.any()


def test_energies_are_taken_in_float64():
    counts = np.array([[1, 2], [2, 2], [3, 1]])
    energies = counts @ np.array([-1e7, -2e7]) + 1e-3 * np.array([1, 1, 1])
    fitted = fit_energies(counts, energies)
    np.testing.assert_allclose(
        counts @ (fitted + np.array([1e7, 2e7])),
        counts @ np.linalg.lstsq(counts, np.full(3, 1e-3), rcond=None)[0],
        atol=1e-7,
    )
    np.testing.assert_array_equal(fit_energies(counts, energies, [1.0, 2.0]), [1.0, 2.0])


def test_shifted_energies(systems):
    model = _model(atom_ener=(-1.0, None))
    frames = _frames(systems)
    set_energies(model, frames)
    previous_bias = model.bias.clone()
    counts = np.array([np.bincount(frame.types, minlength=2) for frame in frames])
    energies = np.array([float(frame.labels["energy"]) for frame in frames])
    shift_energies(model, frames, energies - counts @ [0.0, 0.25])
    torch.testing.assert_close(model.bias - previous_bias, torch.tensor([0.0, 0.25], dtype=torch.float64))


def test_sampled_frames_are_spread_over_the_systems(systems, tmp_path: Path):
    long = read_system(write_system(tmp_path / "long", water(10, molecules=1)), TYPES)
    assert sampled_frames([long, systems[1]], [2, 3], 2) == [(0, 0), (0, 2), (0, 5), (0, 7), (1, 0), (1, 1)]
