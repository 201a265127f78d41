"""Pairs within a cutoff, by vesin."""

from __future__ import annotations

import numpy as np
import torch
from vesin import NeighborList

from deepaw.potential.neighbours.environment import Environment

SAME_PLACE = 1e-6
"""A; atoms nearer than this are on one spot, where a potential has no forces."""


def find_environment(coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, rcut: float) -> Environment:
    """All neighbours within `rcut`, in float64.

    coord: (natoms, 3), A, atoms anywhere, inside the cell or not. cell: (3, 3), A, rows are vectors, any size, smaller
    than the cutoff too; None without periodicity. types: (natoms,).
    """
    centre, neighbour, vector = NeighborList(cutoff=rcut, full_list=True).compute(
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
