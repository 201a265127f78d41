"""Points of a grid to learn from, and what of them depends on positions alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from deepaw.structure.neighbours import images_within


@dataclass(frozen=True)
class Probes:
    """Points of one structure with every atom image within a cutoff of them, sorted by atom.

    points: (npoints, 3), A, in the cell. atom, point: (npairs,) int64; vectors: (npairs, 3) float32, A, from the
    atom's image to the point. density: (npoints,) float32, e/A^3.
    """

    points: NDArray[np.float64]
    atom: Tensor
    point: Tensor
    vectors: Tensor
    density: Tensor


class ProbeSource:
    """A structure and its density, to draw probes from; the images of the atoms are laid out once.

    read: gives the density (nx, ny, nz), e/A^3. It is asked at every draw, since not all densities of a data set may
    fit into memory.
    """

    def __init__(self, atoms: Atoms, read: Callable[[], NDArray[np.float32]], cutoff: float) -> None:
        self.atoms = atoms
        self.cutoff = cutoff
        self._read = read
        self.mean = float(np.abs(read()).mean(dtype=np.float64))
        index, images = images_within(atoms, np.zeros(3), np.ones(3), cutoff)
        order = np.argsort(index, kind="stable")
        self._atom, self._images = index[order], images[order].astype(np.float32)

    def draw(self, count: int, random: np.random.Generator) -> Probes:
        """`count` points, uniformly and with repetition."""
        density = self._read()
        chosen = random.integers(0, density.size, count)
        fractional = np.stack(np.unravel_index(chosen, density.shape), axis=-1) / np.array(density.shape)
        points = fractional @ self.atoms.cell.array
        places = points.astype(np.float32)
        squared = (
            (self._images**2).sum(axis=1)[:, None] + (places**2).sum(axis=1) - 2 * self._images @ places.T
        )  # to within 1e-4 A^2: radial functions vanish with two derivatives at the cutoff
        image, point = np.nonzero(squared < self.cutoff**2)
        return Probes(
            points,
            torch.from_numpy(self._atom[image]),
            torch.from_numpy(point),
            torch.from_numpy(places[point] - self._images[image]),
            torch.from_numpy(density.reshape(-1)[chosen]),
        )
