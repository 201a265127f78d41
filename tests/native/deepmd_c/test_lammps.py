"""DeePMD-kit's plugin for LAMMPS on this library, where both are installed: energies, forces, pressures, deviations."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.infer import DeepDipole, DeepPot
from deepaw.native.files import library_file
from native.deepmd_c import models
from native.deepmd_c.interface import load
from potential.structures import Structure, crowd

BAR = 1.6021765e6
"""Pressure of 1 eV/A^3 in LAMMPS's unit."""

STEPS = 20

INPUT = """
units metal
atom_style atomic
read_data atoms
mass 1 16.0
mass 2 1.0
plugin load {plugin}
pair_style deepmd {models} out_file deviations out_freq 10
pair_coeff * * O H
{extra}
velocity all create 30 7
fix 1 all nve
timestep 0.0001
compute virial all pressure NULL virial
thermo_style custom step pe c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.17g
thermo 10
dump 1 all custom 10 dump id type x y z fx fy fz {columns}
dump_modify 1 sort id format float %.17g
run {steps}
"""


def _installed(package: str, name: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    paths = [Path(str(file.locate())).resolve() for file in files if f"/{file}".endswith(f"/{name}")]
    if not paths:
        pytest.skip(f"{package} has no {name}")
    return paths[0]


@pytest.fixture(scope="module")
def plugin() -> Path:
    load()
    found = find_spec("deepmd")
    if found is None or not found.submodule_search_locations:
        pytest.skip("deepmd-kit is not installed")
    path = Path(found.submodule_search_locations[0]) / "lib" / "libdeepmd_lmpplugin.so"
    if not path.is_file():
        pytest.skip("deepmd-kit has no plugin for LAMMPS")
    return path


@pytest.fixture
def structure() -> Structure:
    """Atoms whose cell is a lower triangle, as LAMMPS wants it."""
    structure = crowd(2, 12)
    q, r = np.linalg.qr(structure.cells.T)
    rotation = q * np.sign(np.diag(r))
    return structure.linear(rotation.T)


def run(folder: Path, plugin: Path, structure: Structure, processes: int = 1, **options: Any) -> list[np.ndarray]:
    """Run LAMMPS and return the numbers of each line of its thermodynamic output."""
    cell = structure.cells
    atoms = "\n".join(
        f"{number} {kind + 1} {x!r} {y!r} {z!r}"
        for number, (kind, (x, y, z)) in enumerate(zip(structure.types, structure.coord.tolist(), strict=True), 1)
    )
    lengths = "\n".join(f"0 {float(cell[d, d])!r} {axis}lo {axis}hi" for d, axis in enumerate("xyz"))
    tilt = f"{float(cell[1, 0])!r} {float(cell[2, 0])!r} {float(cell[2, 1])!r} xy xz yz"
    header = f"\n\n{len(structure.types)} atoms\n2 atom types\n{lengths}\n{tilt}\n"
    (folder / "atoms").write_text(f"{header}\nAtoms\n\n{atoms}\n")
    (folder / "input").write_text(INPUT.format(plugin=plugin, **{"extra": "", "columns": "", "steps": STEPS} | options))
    library = library_file().with_name("libdeepmd_c.so")
    mpi = _installed("mpich", "libmpi.so.12").parent
    environment = {**os.environ, "LD_PRELOAD": str(library), "LD_LIBRARY_PATH": str(mpi)}
    command = [str(_installed("lammps", "lammps/lmp")), "-in", "input", "-log", "log", "-screen", "none"]
    if processes > 1:
        command = [str(_installed("mpich", "mpiexec")), "-n", str(processes), *command]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ *\d+(?: +-?\d\S*){7} *$", (folder / "log").read_text(), re.M)
    return [np.array(row.split(), float) for row in rows]


def dumped(folder: Path) -> list[np.ndarray]:
    """Return the columns that are dumped in each frame, from the type on."""
    frames = (folder / "dump").read_text().split("ITEM: TIMESTEP\n")[1:]
    return [np.array([line.split()[1:] for line in frame.splitlines()[9 - 1 :]], float) for frame in frames]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_energies_forces_and_pressures(plugin: Path, structure: Structure, processes: int, tmp_path: Path) -> None:
    rows = run(tmp_path, plugin, structure, processes, models=models.energies())
    frames = dumped(tmp_path)
    assert len(rows) == len(frames) == 3
    potential = DeepPot(models.energies())
    volume = np.linalg.det(structure.cells)
    for row, frame in zip(rows, frames, strict=True):
        energy, force, virial = potential.eval(frame[None, :, 1:4], structure.cells[None], structure.types)
        assert row[1] == pytest.approx(float(energy[0, 0]), rel=1e-10)
        np.testing.assert_allclose(frame[:, 4:7], force[0], rtol=0, atol=1e-10 * np.abs(force).max())
        pressure = virial[0, [0, 4, 8, 1, 2, 5]] / volume * BAR
        np.testing.assert_allclose(row[2:], pressure, rtol=0, atol=1e-9 * np.abs(pressure).max())


@pytest.mark.slow
def test_deviations_of_several_models(plugin: Path, structure: Structure, tmp_path: Path) -> None:
    paths = [models.energies(seed) for seed in (1, 2, 3)]
    run(tmp_path, plugin, structure, models=" ".join(map(str, paths)))
    table = np.loadtxt(tmp_path / "deviations", ndmin=2)
    frames = dumped(tmp_path)
    assert table[:, 0].tolist() == [0, 10, 20] and len(frames) == 3
    for row, frame in zip(table, frames, strict=True):
        results = [DeepPot(path).eval(frame[None, :, 1:4], structure.cells[None], structure.types) for path in paths]
        force, virial = (np.array([result[number][0] for result in results]) for number in (1, 2))
        spread = np.sqrt(((force - force.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0))
        virial_spread = virial.std(axis=0) / len(structure.types)
        expected = [virial_spread.max(), virial_spread.min(), np.sqrt((virial_spread**2).mean())]
        expected += [spread.max(), spread.min(), spread.mean()]
        np.testing.assert_allclose(row[1:7], expected, rtol=1e-5)


@pytest.mark.slow
def test_virials_and_dipoles_of_atoms(plugin: Path, structure: Structure, tmp_path: Path) -> None:
    """LAMMPS's stresses of atoms and DeePMD-kit's dipoles of atoms are those of Python."""
    path = models.tensors("dipole", (0,))
    extra = f"compute stress all centroid/stress/atom NULL virial\ncompute dipole all deeptensor/atom {path}"
    run(tmp_path, plugin, structure, models=models.energies(), extra=extra, columns="c_stress[*] c_dipole[*]")
    for frame in dumped(tmp_path):
        arguments = (frame[None, :, 1:4], structure.cells[None], structure.types)
        virial = DeepPot(models.energies()).eval(*arguments, atomic=True)[4][0]
        stress = -virial[:, [0, 4, 8, 3, 6, 7, 1, 2, 5]] * BAR
        np.testing.assert_allclose(frame[:, 7:16], stress, rtol=0, atol=1e-9 * np.abs(stress).max())
        dipole = DeepDipole(path).eval(*arguments)[0]
        np.testing.assert_allclose(frame[:, 16:19], dipole, rtol=0, atol=1e-10 * np.abs(dipole).max())
