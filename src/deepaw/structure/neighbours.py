"""Neighbour lists, by vesin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor
from vesin import NeighborList


@dataclass(frozen=True)
class Edges:
    """Directed pairs of atoms nearer than a cutoff, every periodic image counted, sorted by receiver.

    sender, receiver: (nedges,) int64; vectors: (nedges, 3), A, from the sender to the receiver.
    """

    sender: Tensor
    receiver: Tensor
    vectors: Tensor


def atom_edges(atoms: Atoms, cutoff: float, dtype: torch.dtype = torch.float64) -> Edges:
    """All pairs of atoms within `cutoff` (A); an atom is no neighbour of itself, its images are."""
    sender, receiver, vectors = NeighborList(cutoff=cutoff, full_list=True).compute(
        points=atoms.get_positions(),
        box=atoms.cell.array if atoms.pbc.any() else np.zeros((3, 3)),
        periodic=np.asarray(atoms.pbc, dtype=bool),
        quantities="ijD",
    )
    order = np.argsort(receiver, kind="stable")
    return Edges(
        torch.from_numpy(sender[order].astype(np.int64)),
        torch.from_numpy(receiver[order].astype(np.int64)),
        torch.from_numpy(vectors[order]).to(dtype),
    )


def images_within(atoms: Atoms, low: np.ndarray, high: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """All periodic images of the atoms nearer than `reach` to a box along the cell's axes.

    Args:
        atoms: positions may lie outside the cell.
        low, high: (3,), the box in fractional coordinates (Cartesian ones where the cell has no vector).
        reach: A.

    Returns:
        index (m,) of the atom, and position (m, 3) in A of its image. Some may lie a little farther than `reach`.
    """
    cell = atoms.cell.complete().array
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)  # distance between the faces across each vector
    margin = reach / heights
    fractional = atoms.get_positions() @ np.linalg.inv(cell)
    index = np.arange(len(atoms))
    for axis in range(3):
        if atoms.pbc[axis]:
            first = np.ceil(low[axis] - margin[axis] - fractional[:, axis]).astype(int)
            last = np.floor(high[axis] + margin[axis] - fractional[:, axis]).astype(int)
            copies = np.maximum(last - first + 1, 0)
            shifts = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
            fractional, index = fractional.repeat(copies, axis=0), index.repeat(copies)
            fractional[:, axis] += shifts
        else:
            along = fractional[:, axis]
            near = (along >= low[axis] - margin[axis]) & (along <= high[axis] + margin[axis])
            fractional, index = fractional[near], index[near]
    return index, fractional @ cell
