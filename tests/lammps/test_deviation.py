"""Deviations among several models: the numbers of model_devi.out against those of Python engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.infer import DeepPot
from deepaw.potential.files.formats import write_potential
from lammpsruns import Snapshot, deviations, run, script, small_model, snapshots, thermo
from potential.systems import ELEMENTS

COLUMNS = ["step", "max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f"]
MODELS = ("model.safetensors", "second.safetensors", "third.safetensors")
PAIR = f"deepaw {' '.join(MODELS)}"
MOTION = "velocity all create 100 3\nfix 1 all nve\ntimestep 0.0002\n"


@pytest.fixture
def models(folder: Path) -> Path:
    """Folder with three models, the last with its types in another order."""
    write_potential(folder / MODELS[1], small_model(seed=2))
    write_potential(folder / MODELS[2], small_model(seed=3, type_map=("H", "O")))
    return folder


def spread(frame: Snapshot, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return deviations of forces (natoms,), mean forces (natoms, 3), and those of the virial of an atom (9,)."""
    results = []
    for name in MODELS:
        potential = DeepPot(folder / name)
        numbers = np.array([potential.get_type_map().index(element) for element in ELEMENTS])
        results.append(potential.eval(frame.coord, frame.cell, numbers[frame.types]))
    forces = np.array([force[0] for _, force, _ in results])
    virials = np.array([virial[0] for _, _, virial in results]) / len(frame.types)
    of_forces = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
    return of_forces, forces.mean(axis=0), virials.std(axis=0), virials.mean(axis=0)


def summary(virials: np.ndarray, forces: np.ndarray) -> list[float]:
    """Return the columns of a line after the step."""
    average = np.sqrt((virials**2).mean())
    return [virials.max(), virials.min(), average, forces.max(), forces.min(), forces.mean()]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_spread_is_that_of_python(models: Path, processes: int) -> None:
    run(models, script(f"{PAIR} out_freq 4 out_file spread.out", after=MOTION + "run 10"), processes)
    names, rows = deviations(models / "spread.out")
    assert names == COLUMNS
    assert rows[:, 0].tolist() == [0, 4, 8]
    for row, frame in zip(rows, snapshots(models / "dump.txt")[::4], strict=True):
        forces, _, virials, _ = spread(frame, models)
        np.testing.assert_allclose(row[1:], summary(virials, forces), rtol=1e-8)


@pytest.mark.slow
def test_the_first_model_drives_the_atoms(models: Path) -> None:
    several = thermo(run(models, script(f"{PAIR} out_freq 3", after=MOTION + "thermo 1\nrun 5")))
    first = thermo(run(models, script(after=MOTION + "thermo 1\nrun 5")))
    assert several == first
    assert (models / "model_devi.out").is_file()


@pytest.mark.slow
def test_deviations_of_atoms_by_their_number(models: Path) -> None:
    run(models, script(f"{PAIR} out_freq 1 atomic"), processes=2)
    (frame,) = snapshots(models / "dump.txt")
    names, (row,) = deviations(models / "model_devi.out")
    forces, _, virials, _ = spread(frame, models)
    assert names[:7] == COLUMNS
    np.testing.assert_allclose(row[1:], [*summary(virials, forces), *forces], rtol=1e-8)


@pytest.mark.slow
def test_relative_deviations(models: Path) -> None:
    run(models, script(f"{PAIR} relative 0.5 relative_v 0.1 atomic"))
    (frame,) = snapshots(models / "dump.txt")
    _, (row,) = deviations(models / "model_devi.out")
    forces, mean_force, virials, mean_virial = spread(frame, models)
    forces = forces / (np.linalg.norm(mean_force, axis=1) + 0.5)
    virials = virials / (np.abs(mean_virial) + 0.1)
    np.testing.assert_allclose(row[1:], [*summary(virials, forces), *forces], rtol=1e-8)


@pytest.mark.slow
def test_units_are_those_of_lammps(models: Path) -> None:
    run(models, script(PAIR))
    _, (metal,) = deviations(models / "model_devi.out")
    run(models, script(PAIR).replace("units metal", "units real"))
    _, (real,) = deviations(models / "model_devi.out")
    np.testing.assert_allclose(real[1:], 23.060549 * metal[1:], rtol=1e-8)


@pytest.mark.slow
def test_atoms_that_models_do_not_see_do_not_count(models: Path) -> None:
    style = f"hybrid/overlay lj/cut 5.0 {PAIR}"
    run(models, script(style, "pair_coeff * * lj/cut 0.02 2.5\npair_coeff * * deepaw O NULL"))
    (frame,) = snapshots(models / "dump.txt")
    oxygen = frame.types == 0
    columns = {name: column[oxygen] for name, column in frame.columns.items()}
    forces, _, virials, _ = spread(Snapshot(0, frame.cell, columns), models)
    _, (row,) = deviations(models / "model_devi.out")
    np.testing.assert_allclose(row[1:], summary(virials, forces), rtol=1e-8)
