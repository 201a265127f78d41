"""Small structures, converged by GPAW, and tasks that other processes can import."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from deepaw.errors import InputError
from deepaw.gpaw.converge import Run

REASON = "GPAW is not installed (docs/gpaw.md says how)"

PLANE_WAVES: dict[str, Any] = {"mode": {"name": "pw", "ecut": 300}, "kpts": [2, 2, 2], "xc": "PBE"}
GRID: dict[str, Any] = {"mode": "fd", "h": 0.25, "xc": "PBE"}
ORBITALS: dict[str, Any] = {"mode": "lcao", "basis": "dzp", "h": 0.25, "kpts": [2, 2, 2], "xc": "PBE"}


def need_gpaw() -> None:
    """Skip the tests of a module, or a test, where GPAW is missing."""
    pytest.importorskip("gpaw.new.calculation", reason=REASON)


def magnesia() -> Atoms:
    """MgO, two atoms, without symmetry but inversion's."""
    atoms = bulk("MgO", "rocksalt", a=4.25)
    atoms.positions[1] += (0.05, -0.02, 0.03)
    return atoms


def hydrogen() -> Atoms:
    """A molecule in a box without periodicity."""
    atoms = molecule("H2")
    atoms.center(vacuum=2.5)
    atoms.pbc = False
    return atoms


@cache
def converged(case: str, refinement: int = 1) -> tuple[Atoms, dict[str, Any], Any, np.ndarray, tuple[np.ndarray, ...]]:
    """Structure, parameters, converged DFT, total density (e/A^3, refined) and D of each atom; read only."""
    from gpaw.densities import Densities

    from deepaw.gpaw.initial import default_dft

    atoms, parameters = {
        "plane waves": (magnesia(), PLANE_WAVES),
        "orbitals": (magnesia(), ORBITALS),
        "grid": (hydrogen(), GRID),
    }[case]
    dft = default_dft(atoms, parameters)
    dft.converge()
    dft.calculate_energy()
    total = Densities.from_calculation(dft).pseudo_densities(grid_refinement=refinement).data[0]
    return atoms, parameters, dft, total.copy(), tuple(dft.density.D_asii[a][0].copy() for a in range(len(atoms)))


RUN = Run(steps=7, seconds=1.0, energy=-10.0, free_energy=-10.1, fermi_level=2.0, gap=1.5)


def run_of(structure: Any) -> Run:
    """A task: a run with the energy -1 eV an atom; fails for names with "bad", dies for "deadly"."""
    if "bad" in structure.name:
        raise InputError(f"GPAW refuses {structure.name}: it is bad.")
    if "deadly" in structure.name:
        os._exit(9)
    natoms = len(structure.atoms)
    return Run(7, 1.0, -float(natoms), -1.1 * natoms, 2.0, None if natoms == 1 else 1.5)


def double(number: int) -> int:
    """A task: twice the number, which fails for 13, dies for 14 and lasts for 15."""
    if number == 13:
        raise ValueError("unlucky")
    if number == 14:
        os._exit(3)
    if number == 15:
        time.sleep(0.5)
    return 2 * number


def threads_of(_: Any) -> str:
    """A task: what the number of threads was set to."""
    return os.environ["OMP_NUM_THREADS"]


def process_number(_: Any) -> int:
    """A task: the number of its process."""
    return os.getpid()
