"""Data sets by GPAW, from structures to a trained model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from deepaw.density.data.sources import read_examples
from deepaw.gpaw.data.calculation import calculate
from deepaw.gpaw.data.lock import LOCK
from deepaw.gpaw.data.make import make_data
from deepaw.gpaw.data.settings import DataSettings
from deepaw.gpaw.initial import start_dft
from deepaw.gpaw.sources import KnownDensity
from deepaw.gpaw.structures import NamedStructure
from deepaw.potential.data.sources import read_frames
from gpawcases import need_gpaw

need_gpaw()

SETTINGS = DataSettings(cutoff=250.0, kspacing=1.2)


def crystal(name: str, a: float = 4.0) -> NamedStructure:
    atoms = bulk("LiH", "rocksalt", a=a)
    atoms.positions[1] += (0.1, 0.0, 0.02)
    atoms.info = {"name": name, "prototype": "LiH"}
    return NamedStructure(name, atoms)


def test_results_are_those_of_gpaw() -> None:
    structure = crystal("LiH_1")
    labels = calculate(SETTINGS, structure)
    atoms = labels.frame
    assert labels.density.sum() * atoms.get_volume() / labels.density.size == pytest.approx(2, abs=1e-4)
    assert atoms.info["nelectrons"] == 2 and list(atoms.info["kpts"]) == [3, 3, 3]
    for atom, matrix in enumerate(labels.occupancies):
        setup = labels.setups[atoms.symbols[atom]]
        assert len(matrix) == (2 * setup["l_j"] + 1).sum()
        assert len(setup["Delta_pL"]) == len(matrix) * (len(matrix) + 1) // 2 == setup["D0_packed"].shape[1]
    # and a calculation begins from them
    parameters = SETTINGS.parameters(structure.atoms)
    known = start_dft(structure.atoms, KnownDensity(labels.density, labels.occupancies), parameters)
    known.converge()
    assert known.calculate_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-3)


def test_energy_forces_and_stress_belong_together() -> None:
    """The stress is the derivative of the energy with the volume, at the pressure that a cutoff this low adds."""
    step = 0.003
    frames = [calculate(SETTINGS, crystal("LiH", 4.0 * (1 + share))).frame for share in (-step, 0, step)]
    moved = crystal("LiH")
    moved.atoms.positions[1, 0] += 0.02
    energies = [calculate(SETTINGS, moved).frame.get_potential_energy(), frames[1].get_potential_energy()]
    force = (frames[1].get_forces()[1, 0] + calculate(SETTINGS, moved).frame.get_forces()[1, 0]) / 2
    assert -(energies[0] - energies[1]) / 0.02 == pytest.approx(force, abs=0.02)
    assert frames[0].get_stress()[:3].mean() < frames[1].get_stress()[:3].mean() < frames[2].get_stress()[:3].mean()


def test_a_data_set_for_both_kinds_of_model(tmp_path: Path) -> None:
    structures = [crystal("LiH_1"), crystal("LiH_2", 4.1)]
    bad = crystal("bad")
    bad.atoms.numbers[0] = 118
    failures = make_data(tmp_path / "data", [structures[0], bad, structures[1]], SETTINGS, 2)
    assert list(failures) == ["bad"] and failures["bad"].startswith("GPAW refuses bad: ")
    assert (tmp_path / "data" / "failures.txt").read_text().startswith("bad: GPAW refuses")
    assert {example.name for example in read_examples(tmp_path / "data")} == {"LiH_1", "LiH_2"}
    (system,) = read_frames(tmp_path / "data" / "structures.extxyz")
    assert system.get_nframes() == 2 and "virials" in system.data
    for symbol in ("Li", "H"):
        with np.load(tmp_path / "data" / "setups" / f"setup-{symbol}.npz") as arrays:
            assert arrays["cutoff"] == 250.0 and str(arrays["xc"]) == "PBE"


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    crystals = [crystal(f"LiH_{number}", 3.9 + 0.02 * number).atoms for number in range(6)]
    ase.io.write(tmp_path / "crystals.extxyz", crystals)
    data = tmp_path / "data"
    command = [sys.executable, "-m", "deepaw", "data", "gpaw", str(tmp_path / "crystals.extxyz"), "-o", str(data)]
    command += ["--cutoff", "250", "--kspacing", "1.2", "--workers", "2"]
    frames = data / "structures.extxyz"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        end = time.monotonic() + 300
        while not frames.exists() and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGKILL)
    first = frames.read_text()
    done = {frame.info["name"] for frame in ase.io.read(frames, ":")}
    assert 1 <= len(done) < 6
    assert (data / LOCK).exists()  # it is no obstacle
    files = [data / folder / f"{name}.npz" for folder in ("density", "augmentation") for name in done]
    times = [path.stat().st_mtime_ns for path in files]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert frames.read_text().startswith(first)
    names = [frame.info["name"] for frame in ase.io.read(frames, ":")]
    assert sorted(names) == [f"LiH_{number}" for number in range(6)]
    assert not any(f" {name} done" in output for name in done)
    assert [path.stat().st_mtime_ns for path in files] == times
    assert not [path for path in data.rglob("*") if path.name.endswith(".part") or path.name == LOCK]
    assert len(read_examples(data)) == 6
