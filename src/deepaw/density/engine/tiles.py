"""Units of work: a few neighbouring points and every atom image within reach of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from deepaw.structure.neighbours import images_within

LAYOUT_STEP = 0.7
"""A: images of atoms are laid out for tiles that reach 1, 2, 3... times as far."""


@dataclass(frozen=True)
class TileSize:
    """How tiles are cut: edge in A, and the most points.

    The smaller the edge, the fewer pairs of point and atom lie beyond the cutoff; the more points, the less time goes
    into starting work. enough: points that make a tile worth the while: with fewer, its edge may grow, for scattered
    points as far as `widest`, A.
    """

    extent: float
    points: int
    enough: int = 64
    widest: float = 2.0


CPU_TILES = TileSize(0.7, 512)
DENSE_CPU_TILES = TileSize(1.2, 512)
"""Where the work grows with the atoms in reach more than with the pairs."""

GPU_TILES = TileSize(1.5, 8192)


@dataclass(frozen=True)
class Tile:
    """Points with their surroundings, float64, in A relative to `origin`.

    points (n, 3); centres (m, 3), the images of atoms within the cutoff of any of the points, and perhaps a few farther
    ones; atom (m,) int64, the atom of the cell each is an image of; origin (3,).
    """

    points: Tensor
    centres: Tensor
    atom: Tensor
    origin: Tensor


@dataclass(frozen=True)
class _Layout:
    """Images (k, 3) of atoms `atom` (k,), and a tree to find them by place."""

    atom: NDArray[np.int64]
    images: NDArray[np.float64]
    tree: cKDTree


class Surroundings:
    """The images of a structure's atoms, ready to be asked which of them some points see.

    The cell of `atoms` needs vectors only along its periodic directions; `cutoff` in A.
    """

    def __init__(self, atoms: Atoms, cutoff: float) -> None:
        self.atoms = atoms
        self.cutoff = cutoff
        self.cell = atoms.cell.complete().array
        self.pbc = np.asarray(atoms.pbc, dtype=bool)
        self._inverse = np.linalg.inv(self.cell)
        self._layouts: dict[int, _Layout] = {}

    def tile(self, points: NDArray[np.float64]) -> Tile:
        """The tile of some points (n, 3), anywhere in space."""
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        # cells are equivalent, so look around in the one that the images were laid out for
        shift = -np.floor(middle @ self._inverse) * self.pbc
        wrapped = middle + shift @ self.cell
        local = points - middle
        reach = float(np.linalg.norm(local, axis=1).max())
        layout = self._layout(reach)
        near = np.asarray(sorted(layout.tree.query_ball_point(wrapped, self.cutoff + reach)), dtype=np.int64)
        centres = layout.images[near] - wrapped
        # distance to the box around the points: cheap, and a little generous
        outside = np.maximum(np.abs(centres) - np.abs(local).max(axis=0), 0.0)
        seen = (outside**2).sum(axis=1) <= self.cutoff**2
        near, centres = near[seen], centres[seen]
        return Tile(
            torch.from_numpy(local),
            torch.from_numpy(np.ascontiguousarray(centres)),
            torch.from_numpy(layout.atom[near]),
            torch.from_numpy(middle),
        )

    def _layout(self, reach: float) -> _Layout:
        """The images that points within `reach` of a place in the cell can see, or a few more.

        Several threads may ask at once; at worst they do the same work twice.
        """
        steps = ceil(reach / LAYOUT_STEP)
        if steps not in self._layouts:
            self._layouts[steps] = self._laid_out(steps * LAYOUT_STEP)
        return self._layouts[steps]

    def _laid_out(self, reach: float) -> _Layout:
        fractional = self.atoms.positions @ self._inverse
        low = np.where(self.pbc, 0.0, fractional.min(axis=0))
        high = np.where(self.pbc, 1.0, fractional.max(axis=0))
        atom, images = images_within(self.atoms, low, high, self.cutoff + reach)
        return _Layout(atom, images, cKDTree(images))


def grid_points(
    cell: NDArray[np.float64], shape: tuple[int, int, int], index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Positions (n, 3) in A of grid points given by their flat index (n,), z fastest."""
    triple = np.stack(np.unravel_index(index, shape), axis=-1)
    return (triple / np.array(shape)) @ cell


def grid_blocks(
    cell: NDArray[np.float64],
    shape: tuple[int, int, int],
    planes: slice | None = None,
    size: TileSize = CPU_TILES,
    *,
    rows: slice | None = None,
) -> Iterator[NDArray[np.int64]]:
    """Cut a grid into blocks of a size; flat indices of each, z fastest.

    Blocks of a coarse grid, and of a thin part of one, are wider, so that they hold enough points. `planes` restricts
    it to a range of the third index, `rows` to one of the first.
    """
    first, last, _ = (rows or slice(None)).indices(shape[0])
    low, high, _ = (planes or slice(None)).indices(shape[2])
    sides = _sides(np.linalg.norm(cell, axis=1) / shape, (last - first, shape[1], high - low), size)
    x, y, z = (
        [np.arange(a, min(a + side, end)) for a in range(begin, end, side)]
        for begin, end, side in zip((first, 0, low), (last, shape[1], high), sides, strict=True)
    )
    for k, j, i in product(z, y, x):
        yield ((i[:, None, None] * shape[1] + j[:, None]) * shape[2] + k).ravel()


def _sides(spacing: NDArray[np.float64], most: tuple[int, int, int], size: TileSize) -> list[int]:
    """Points along each edge of a block: as near to a cube as the limits and the grid, `most`, allow."""
    sides = [1, 1, 1]
    while True:
        lengths = [
            (side + 1) * step if side < end else np.inf for side, step, end in zip(sides, spacing, most, strict=True)
        ]
        axis = int(np.argmin(lengths))
        if lengths[axis] == np.inf:
            return sides
        grown = [*sides]
        grown[axis] += 1
        if np.prod(grown) > size.points or (lengths[axis] > size.extent and np.prod(sides) >= size.enough):
            return sides
        sides = grown


def point_blocks(points: NDArray[np.float64], size: TileSize = CPU_TILES) -> Iterator[NDArray[np.int64]]:
    """Group points (n, 3) into cubes of a size; indices of each group.

    Where points are sparse the cubes are larger, up to the widest, so that they hold about enough.
    """
    if not len(points):
        return
    volume = float(np.prod(np.ptp(points, axis=0).clip(min=size.extent)))
    extent = max(size.extent, min(size.widest, (size.enough * volume / len(points)) ** (1 / 3)))
    cube = np.floor((points - points.min(axis=0, initial=0.0)) / extent).astype(np.int64)
    order = np.lexsort(cube.T)
    ends = np.flatnonzero((np.diff(cube[order], axis=0) != 0).any(axis=1)) + 1
    for group in np.split(order, ends):
        for start in range(0, len(group), size.points):
            yield group[start : start + size.points]
