"""Small models, structures and work for tests of the server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from deepaw.potential.model.config import ModelConfig
from deepaw.server.scheduler.frames import PotentialWork
from deepaw.server.scheduler.interface import Structure
from potential.randommodels import random_model, random_tensor_model
from potential.structures import crowd

DESCRIPTOR = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [9, 10], "neuron": [4, 8], "axis_neuron": 3}


def write_potential(path: Path, seed: int = 1) -> Path:
    """Of O and H, with random weights."""
    keys = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {"neuron": [8, 8]}}
    random_model(ModelConfig.model_validate(keys), seed).save(path)
    return path


def write_tensor(path: Path, kind: str = "dipole", seed: int = 1) -> Path:
    """Of O, whose atoms have a dipole or polarizability, and H, whose have none; with random weights."""
    fitting = {"type": kind, "neuron": [8, 8], "sel_type": [0]}
    keys = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": fitting}
    random_tensor_model(ModelConfig.model_validate(keys), seed).save(path)
    return path


def structure_of(atoms: Atoms) -> Structure:
    """As the server has it."""
    return Structure(atoms.numbers.astype(np.int64), atoms.positions.copy(), atoms.cell.array.copy(), atoms.pbc.copy())


def magnesia(strain: float = 1.0) -> Atoms:
    """Without symmetry but the lattice's, so that all points have to be evaluated."""
    atoms = bulk("MgO", "rocksalt", a=4.21 * strain, cubic=True)
    atoms.rattle(0.05, seed=3)
    return atoms


def cluster(natoms: int = 7, seed: int = 0, **options: object) -> PotentialWork:
    """One frame of O and H."""
    found = crowd(2, natoms, seed)
    assert found.cell is not None
    return PotentialWork(found.coord[None], found.cell[None], found.types, **options)  # type: ignore[arg-type]
