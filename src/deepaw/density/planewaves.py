"""Plane waves of a density within a cutoff, as Quantum ESPRESSO counts them.

A charge-density file of Quantum ESPRESSO holds one Fourier coefficient for every reciprocal lattice vector G with
|G|^2 <= ecutrho (Ry, lengths in bohr), and is read by their places in the file, not by their Miller indices: number and
order have to be those of the program.
"""

from __future__ import annotations

from math import floor, isfinite, pi, sqrt

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.grid import BOHR, GridChoice, smooth_size
from deepaw.errors import InputError

SAME_SHELL = 1e-8
"""Vectors whose |G|^2, in units of (2 pi / |a_1|)^2, differ by less have one length."""

FACTORS = (2, 3, 5)
"""Prime factors of the sizes of Quantum ESPRESSO's grids."""


def espresso_grid(atoms: Atoms, ecutrho: float) -> GridChoice:
    """Return the smallest grid with factors 2, 3, 5 that holds all plane waves up to `ecutrho` (Ry).

    Raises InputError if `ecutrho` is not a positive number.
    """
    if not (isfinite(ecutrho) and ecutrho > 0):
        raise InputError(f"The cutoff of the density, --ecutrho, is {ecutrho:g} Ry; it must be a positive number.")
    nx, ny, nz = (smooth_size(2 * largest + 1, FACTORS) for largest in _largest_indices(atoms, ecutrho))
    return GridChoice((nx, ny, nz), f"that of the plane waves up to ecutrho = {ecutrho:g} Ry")


def reciprocal_vectors(atoms: Atoms) -> NDArray[np.float64]:
    """Return the rows b_1, b_2, b_3, 1/bohr, with the factor 2 pi."""
    vectors: NDArray[np.float64] = 2 * pi * BOHR * np.linalg.inv(atoms.cell.array).T
    return vectors


def miller_indices(atoms: Atoms, ecutrho: float) -> NDArray[np.int32]:
    """Return the Miller indices (n, 3) of all G with |G|^2 <= `ecutrho` (Ry) in the program's order.

    Shorter vectors come first, those of one length in the order of their indices: the first from the lowest to the
    highest, for each the second, for each the third.
    """
    unit = 2 * pi * BOHR / float(atoms.cell.lengths()[0])
    vectors = reciprocal_vectors(atoms) / unit
    largest = _largest_indices(atoms, ecutrho)
    second, third = (np.arange(-size, size + 1) for size in largest[1:])
    plane = np.stack(np.meshgrid(second, third, indexing="ij"), axis=-1).reshape(-1, 2)
    in_plane = plane @ vectors[1:]
    indices, squares = [], []
    for first in range(-largest[0], largest[0] + 1):
        square = ((first * vectors[0] + in_plane) ** 2).sum(axis=1)
        within = np.flatnonzero(square <= ecutrho / unit**2)
        indices.append(np.column_stack([np.full(len(within), first), plane[within]]).astype(np.int32))
        squares.append(square[within])
    square = np.concatenate(squares)
    order = np.argsort(square, kind="stable")
    shell = np.empty(len(order), dtype=np.int64)
    shell[order] = np.concatenate([[0], np.cumsum(np.diff(square[order]) > SAME_SHELL)])
    result: NDArray[np.int32] = np.concatenate(indices)[np.argsort(shell, kind="stable")]
    return result


def _largest_indices(atoms: Atoms, ecutrho: float) -> list[int]:
    """Bounds of the Miller indices along every axis."""
    return [floor(sqrt(ecutrho) * float(length) / (2 * pi * BOHR)) for length in atoms.cell.lengths()]
