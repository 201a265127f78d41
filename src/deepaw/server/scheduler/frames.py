"""Frames of atoms as work, and the answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TensorKind = Literal["dipole", "polar"]


@dataclass(frozen=True, eq=False)
class FramesWork:
    """Frames with the same number of atoms.

    coord: (nframes, natoms, 3) float64, A. cell: (nframes, 3, 3) float64, A, or None without periodicity.
    types: (natoms,) or (nframes, natoms) int64, of the model's type map, -1 where there is no atom; or numbers:
    (natoms,) int64, atomic. One of the two is given. pbc: along which cell vectors. atomic: whether what belongs to
    single atoms is wanted. fparam: (nframes, n) or (n,). aparam: (nframes, natoms, n), (natoms, n) or (n,).
    model: as of `DensityWork`.
    """

    coord: NDArray[np.float64]
    cell: NDArray[np.float64] | None = None
    types: NDArray[np.int64] | None = None
    numbers: NDArray[np.int64] | None = None
    pbc: tuple[bool, bool, bool] = (True, True, True)
    atomic: bool = False
    fparam: NDArray[np.float64] | None = None
    aparam: NDArray[np.float64] | None = None
    model: str | None = None


@dataclass(frozen=True, eq=False)
class PotentialWork(FramesWork):
    """Energies, forces and virials; with `atomic` energies and virials of atoms."""


@dataclass(frozen=True, eq=False)
class TensorWork(FramesWork):
    """Dipoles or polarizabilities; with `atomic` those of atoms.

    derivatives: whether forces and virials of each component are wanted, with `atomic` virials of atoms too.
    """

    kind: TensorKind = "dipole"
    derivatives: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class PotentialAnswer:
    """model, elapsed: as of `DensityAnswer`. float64: energy (nframes,), eV; force (nframes, natoms, 3), eV/A; virial
    (nframes, 3, 3), eV; atom_energy (nframes, natoms) and atom_virial (nframes, natoms, 3, 3) where they were wanted.
    """

    model: str
    elapsed: float
    energy: NDArray[np.float64]
    force: NDArray[np.float64]
    virial: NDArray[np.float64]
    atom_energy: NDArray[np.float64] | None = None
    atom_virial: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class TensorAnswer:
    """model, elapsed: as of `DensityAnswer`. float64, n = 3 or 9 components, in the unit of the labels that the model
    was trained with: tensor (nframes, n). Where it was wanted: atom_tensor (nframes, natoms, n), 0 for atoms that have
    none; force (nframes, n, natoms, 3), -dT_c/dr; virial (nframes, n, 3, 3); atom_virial (nframes, n, natoms, 3, 3).
    """

    model: str
    elapsed: float
    kind: TensorKind
    tensor: NDArray[np.float64]
    atom_tensor: NDArray[np.float64] | None = None
    force: NDArray[np.float64] | None = None
    virial: NDArray[np.float64] | None = None
    atom_virial: NDArray[np.float64] | None = None
