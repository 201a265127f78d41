"""Pairs within a cutoff, by vesin."""

from __future__ import annotations

import math

import numpy as np
import torch
from vesin import NeighborList

from deepaw.errors import InputError
from deepaw.potential.neighbours.environment import Environment

SAME_PLACE = 1e-6
"""A; atoms nearer than this are on one spot, where a potential has no forces."""


def find_environment(coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, rcut: float) -> Environment:
    """All neighbours within `rcut`, in float64.

    coord: (natoms, 3), A, atoms anywhere, inside the cell or not. cell: (3, 3), A, rows are vectors, any size, smaller
    than the cutoff too; None without periodicity. types: (natoms,).
    """
    centre, neighbour, vector = NeighborList(cutoff=reach(coord, cell, rcut), full_list=True).compute(
        points=np.ascontiguousarray(coord, dtype=np.float64),
        box=np.zeros((3, 3)) if cell is None else np.ascontiguousarray(cell, dtype=np.float64),
        periodic=cell is not None,
        quantities="ijD",
    )
    return Environment(
        torch.from_numpy(np.asarray(types, dtype=np.int64)),
        torch.from_numpy(centre.astype(np.int64)),
        torch.from_numpy(neighbour.astype(np.int64)),
        torch.from_numpy(vector),
    )


def reach(coord: np.ndarray, cell: np.ndarray | None, rcut: float) -> float:
    """rcut, A, or for atoms without periodicity that are all nearer a power of 2 that says the same: lists that look
    much farther are slow, and this one stays as it is while atoms move a little."""
    if cell is not None:
        return rcut
    farthest = 1.0 + float(np.linalg.norm(np.ptp(coord, axis=0)))
    return min(rcut, 2.0 ** math.ceil(math.log2(farthest)))


def real_atoms(mask: np.ndarray) -> np.ndarray:
    """Indices (n,) int64 of the atoms that are there, from a mask (natoms, 1), 1 for these and 0 for virtual ones.

    Raises InputError: another number in the mask, or no atom that is there.
    """
    found = np.asarray(mask, dtype=np.float64).reshape(-1)
    if len(wrong := np.flatnonzero((found != 0) & (found != 1))):
        raise InputError(
            f"aparam is {found[wrong[0]]:g} for atom {wrong[0] + 1}; it should be 1 for atoms and 0 for virtual ones."
        )
    if not found.any():
        raise InputError("aparam is 0 for all atoms; one at least should be there.")
    return np.flatnonzero(found)
