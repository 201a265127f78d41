"""Which grid a density is put on, and where that choice came from.

Point (i, j, k) of an (nx, ny, nz) grid sits at the fractional coordinates (i / nx, j / ny, k / nz) of the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, pi, sqrt
from pathlib import Path

from ase import Atoms

from deepaw.errors import InputError

RYDBERG = 13.605693
"""eV"""
BOHR = 0.52917721
"""A"""
DEFAULT_ENCUT = 500.0
"""eV, the plane-wave cutoff whose grid is used when nothing else says one."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class GridChoice:
    """Grid sizes along the three cell vectors, and the sentence that says where they came from."""

    shape: Shape
    source: str

    @property
    def points(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]


def given_grid(shape: Sequence[int]) -> GridChoice:
    """The grid the user asked for. Raises InputError unless it is three positive whole numbers."""
    return GridChoice(check_shape(shape, "the grid"), "as given")


def grid_of_row(shape: Sequence[int] | None, path: str | Path, row_id: int) -> GridChoice:
    """The grid a database row carries. Raises InputError for a row without one."""
    name = f"row {row_id} of {path}"
    if shape is None:
        raise InputError(f"{name} has no grid (nx, ny, nz); give one with --grid, --like, --encut or --ecutrho.")
    return GridChoice(check_shape(shape, name), f"the grid of {name}")


def vasp_grid(atoms: Atoms, encut: float = DEFAULT_ENCUT) -> GridChoice:
    """VASP's fine FFT grid for the plane-wave cutoff `encut` (eV), on which it writes its CHGCAR.

    Along a lattice vector of length L the coarse grid has the smallest size with no prime factors but 2, 3, 5 and 7
    that is not below `2 + 4 sqrt(encut / Ry) / (2 pi / (L / a0))`, which holds every plane wave of the density; the
    fine grid has twice as many points.

    Raises InputError if `encut` is not a positive number.
    """
    if not (isfinite(encut) and encut > 0):
        raise InputError(f"The plane-wave cutoff is {encut:g} eV; it must be a positive number.")
    nx, ny, nz = (
        2 * smooth_size(2 + 4 * sqrt(encut / RYDBERG) * (length / BOHR) / (2 * pi)) for length in _lengths(atoms)
    )
    return GridChoice((nx, ny, nz), f"VASP's fine grid for ENCUT = {encut:g} eV")


def check_shape(shape: Sequence[int], name: str) -> Shape:
    """`shape` as three positive whole numbers. Raises InputError, calling the grid `name`."""
    sizes = [int(size) for size in shape]
    if len(sizes) != 3 or any(size < 1 for size in sizes) or any(a != b for a, b in zip(sizes, shape, strict=True)):
        shown = " ".join(str(size) for size in shape)
        raise InputError(
            f"{name[0].upper()}{name[1:]} is {shown}; it must be three positive whole numbers, as 80 80 80."
        )
    return sizes[0], sizes[1], sizes[2]


def smooth_size(lowest: float, factors: Sequence[int] = (2, 3, 5, 7)) -> int:
    """The smallest whole number from `lowest` on that has no other prime factors."""
    size = ceil(lowest)
    while not _is_smooth(size, factors):
        size += 1
    return size


def _lengths(atoms: Atoms) -> list[float]:
    return [float(length) for length in atoms.cell.lengths()]


def _is_smooth(size: int, factors: Sequence[int]) -> bool:
    for factor in factors:
        while size % factor == 0:
            size //= factor
    return size == 1
