"""The examples run as they are: a box of water without a thermostat, and the methane molecule of the tutorial."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepaw.infer import DeepPot
from deepaw.potential.files.formats import write_potential
from deepaw.potential.input import read_potential_input
from lammpsruns import BAR, snapshots, thermo
from potential.methane import write_methane
from potential.trainings import train

EXAMPLES = Path(__file__).parents[2] / "examples"

DUMPED = """
dump frames all custom 20 frames.txt id type x y z fx fy fz
dump_modify frames format float %.17g sort id
thermo_modify format float %.17g
run ${steps}
"""


def deepaw_lammps(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "deepaw", "lammps", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_water(tmp_path: Path) -> None:
    """Its total energy stays, and frames have the energies, forces and pressures of Python."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    script = (EXAMPLES / "water.in").read_text()
    assert script.endswith("run             ${steps}\n")
    (tmp_path / "in.water").write_text(script.replace("run             ${steps}\n", DUMPED))
    output = deepaw_lammps(tmp_path, "-in", "in.water", "-var", "steps", "60", "-log", "none")
    rows, frames = thermo(output), snapshots(tmp_path / "frames.txt")
    assert "192 atoms" in output and "WARNING" not in output
    assert np.ptp([row["TotEng"] for row in rows]) / 192 < 5e-5
    potential = DeepPot(EXAMPLES / "water.safetensors")
    for row, frame in ((rows[0], frames[0]), (rows[-1], frames[-1])):
        assert row["Step"] == frame.step
        energy, force, virial = potential.eval(frame.coord, frame.cell, frame.types)
        assert row["PotEng"] == pytest.approx(energy[0, 0], rel=1e-10)
        np.testing.assert_allclose(frame.force, force[0], rtol=0, atol=1e-10 * np.abs(force).max())
        pressure = (
            (2 * (row["TotEng"] - row["PotEng"]) + np.trace(virial.reshape(3, 3))) / 3 / np.linalg.det(frame.cell)
        )
        assert row["Press"] == pytest.approx(pressure * BAR, rel=1e-5)  # digits of BAR


@pytest.mark.slow
def test_methane(tmp_path: Path) -> None:
    """From the input file to dynamics, with few steps of either."""
    path = Path(shutil.copy(EXAMPLES / "methane_se_e2_a.json", tmp_path))
    write_methane(tmp_path / "methane" / "training", 7, seed=1)
    write_methane(tmp_path / "methane" / "validation", 4, seed=2)
    model = train(read_potential_input(path), tmp_path, tmp_path / "out")
    folder = Path(shutil.copytree(EXAMPLES / "methane", tmp_path / "run"))
    write_potential(folder / "frozen_model.safetensors", model)
    rows = thermo(deepaw_lammps(folder, "-in", "in.lammps", "-var", "steps", "200"))
    assert [row["Step"] for row in rows] == [0, 100, 200]
    assert all(abs(row["PotEng"] + 40) < 1 and 0 < row["Temp"] < 300 for row in rows)
    assert len(snapshots(folder / "ch4.dump")) == 3
