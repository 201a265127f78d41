"""Pairs of one frame as an environment, and masks of atoms."""

from __future__ import annotations

import numpy as np
import torch

from deepaw.errors import InputError
from deepaw.potential.neighbours.celllist import find_neighbours
from deepaw.potential.neighbours.environment import Environment

COINCIDENT = 1e-6
"""A; atoms nearer than this coincide, where a potential has no forces."""


def find_environment(coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, rcut: float) -> Environment:
    """Find all neighbours within `rcut`, in float64.

    coord: (natoms, 3), A, atoms anywhere, inside the cell or not. cell: (3, 3), A, rows are vectors, any size, smaller
    than the cutoff too; None without periodicity. types: (natoms,).
    """
    ntypes = int(np.max(types, initial=0)) + 1
    table = find_neighbours(coord, types, ntypes, rcut, [cell]).table(rcut)
    return Environment(
        torch.from_numpy(np.asarray(types, dtype=np.int64)), table.centre, table.neighbour.long(), table.vector.T
    )


def real_atoms(mask: np.ndarray) -> np.ndarray:
    """Return the indices (n,) int64 of real atoms from a mask (natoms, 1), 1 for real and 0 for virtual atoms.

    Raises InputError: another number in the mask, or no real atom.
    """
    flags = np.asarray(mask, dtype=np.float64).reshape(-1)
    if len(wrong := np.flatnonzero((flags != 0) & (flags != 1))):
        raise InputError(
            f"aparam is {flags[wrong[0]]:g} for atom {wrong[0] + 1}; it should be 1 for atoms and 0 for virtual ones."
        )
    if not flags.any():
        raise InputError("aparam is 0 for all atoms; one at least should be there.")
    return np.flatnonzero(flags)
