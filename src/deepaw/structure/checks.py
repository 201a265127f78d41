"""What a structure must satisfy before anything is computed from it.

Every check raises `InputError` with one sentence that names the atom or the cell vector. Atoms are counted from 1, as
VASP and the structure viewers do.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numpy.typing import NDArray

from deepaw.errors import InputError

CLOSEST_DISTANCE = 0.1
"""Two nuclei nearer than this (A) are taken to be one atom entered twice; the shortest bond, H-H, has 0.74 A."""

SMALLEST_HEIGHT = 0.3
"""A periodic cell thinner than this (A) cannot hold an atom; primitive cells of dense metals are 1.5 A and more."""

FEW = 200
"""Points that are compared one with each."""

FARTHEST_COORDINATE = 1e4
"""Coordinates and cell vectors beyond this (A) are a slip of units; neighbour lists over such extents overflow."""


def check_atoms(atoms: Atoms, name: str = "the structure") -> None:
    """Refuse a structure that no density can be computed for.

    Parameters: `atoms`, positions in A, cell vectors needed only along its periodic directions; `name`, what the error
    calls the structure, such as its file.

    Raises InputError: no atoms; a position or cell entry that is not a finite number, or absurdly
    large; a periodic direction without a
    cell vector or with a degenerate one; two atoms on one spot, periodic images included.
    """
    check_geometry(atoms, name)
    _check_distances(atoms, name)


def check_geometry(atoms: Atoms, name: str = "the structure") -> None:
    """Refuse a structure that no neighbour list can be made of, however near its atoms are; see `check_atoms`."""
    if len(atoms) == 0:
        raise InputError(f"{name} holds no atoms; at least one is needed.")
    _check_numbers(atoms, name)
    _check_periodic_cell(atoms, name)


def check_box(atoms: Atoms, name: str = "the structure") -> None:
    """Refuse a cell that does not span a volume: a grid needs three cell vectors, periodic or not.

    Raises InputError: a cell vector is missing, or the three lie in one plane.
    """
    lengths = atoms.cell.lengths()
    missing = [axis for axis, length in zip("abc", lengths, strict=True) if length == 0]
    if missing:
        which = "cell" if len(missing) == 3 else f"cell vector {' and '.join(missing)}"
        raise InputError(
            f"{name} has no {which}, and a grid needs a box: give one, for instance with some vacuum around the atoms "
            "(in ASE: atoms.center(vacuum=5.0))."
        )
    _check_volume(atoms.cell.array, name)


def label(atoms: Atoms, index: int) -> str:
    """How messages name the atom at `index` (from 0): 'atom 3 (Hf)', counted from 1."""
    return f"atom {index + 1} ({atoms.symbols[index]})"


def _check_numbers(atoms: Atoms, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        values = ", ".join(f"{x:g}" for x in atoms.positions[bad[0]])
        raise InputError(
            f"{name}: the position of {label(atoms, int(bad[0]))} is ({values}); coordinates must be finite numbers."
        )
    far = np.flatnonzero((np.abs(atoms.positions) > FARTHEST_COORDINATE).any(axis=1))
    if len(far):
        value = np.abs(atoms.positions[far[0]]).max()
        raise InputError(
            f"{name}: {label(atoms, int(far[0]))} lies {value:g} A from the origin; coordinates must be in A and "
            f"within {FARTHEST_COORDINATE:g} A."
        )
    if not np.isfinite(atoms.cell.array).all():
        raise InputError(f"{name}: the cell {atoms.cell.tolist()} must hold finite numbers only.")
    longest = atoms.cell.lengths().max()
    if longest > FARTHEST_COORDINATE:
        raise InputError(
            f"{name} has a cell vector of {longest:g} A; the cell must be in A and no longer than "
            f"{FARTHEST_COORDINATE:g} A."
        )
    bad = np.flatnonzero(atoms.numbers < 1)
    if len(bad):
        raise InputError(f"{name}: {label(atoms, int(bad[0]))} is not a chemical element; each atom needs one.")


def _check_periodic_cell(atoms: Atoms, name: str) -> None:
    if not atoms.pbc.any():
        return
    for axis, periodic, length in zip("abc", atoms.pbc, atoms.cell.lengths(), strict=True):
        if periodic and length == 0:
            raise InputError(
                f"{name} is periodic along {axis} but has no cell vector there; give the vector, or switch the "
                "periodicity off (in ASE: atoms.pbc)."
            )
    cell = complete_cell(atoms.cell.array)
    _check_volume(cell, name)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    for axis, periodic, height in zip("abc", atoms.pbc, heights, strict=True):
        if periodic and height < SMALLEST_HEIGHT:
            raise InputError(
                f"{name} has a cell only {height:.3g} A high along {axis}; the cell must be in A and large enough for "
                f"its atoms (at least {SMALLEST_HEIGHT} A)."
            )


def _check_distances(atoms: Atoms, name: str) -> None:
    """No two atoms within `CLOSEST_DISTANCE`, periodic images included.

    A neighbour list for this would be as fine as the distance is small; instead the atoms are wrapped into the cell,
    and those at a face of it are repeated on the other side.
    """
    cell = complete_cell(atoms.cell.array)
    inverse = np.linalg.inv(cell)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    fractional = atoms.positions @ inverse
    fractional -= np.floor(fractional) * atoms.pbc
    atom = np.arange(len(atoms))
    for axis in np.flatnonzero(atoms.pbc):
        at_face = np.flatnonzero(fractional[:, axis] < CLOSEST_DISTANCE / heights[axis])
        fractional = np.concatenate([fractional, fractional[at_face] + np.eye(3)[axis]])
        atom = np.concatenate([atom, atom[at_face]])
    points = fractional @ cell
    pairs = _near_pairs(points)
    if len(pairs) == 0:
        return
    distances = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    closest = int(np.argmin(distances))
    i, j = sorted(int(k) for k in atom[pairs[closest]])
    raise InputError(
        f"{name}: {label(atoms, i)} and {label(atoms, j)} sit on one spot ({distances[closest]:.3f} A apart, periodic "
        "images included); remove one of them."
    )


def _near_pairs(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Those (n, 2) of points (m, 3) within `CLOSEST_DISTANCE` of one another."""
    if len(points) <= FEW:
        pairs = np.stack(np.triu_indices(len(points), 1), axis=-1)
        return pairs[np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) <= CLOSEST_DISTANCE]
    from scipy.spatial import cKDTree  # takes longer to load than most structures to check

    return cKDTree(points).query_pairs(CLOSEST_DISTANCE, output_type="ndarray")


def _check_volume(cell: np.ndarray, name: str) -> None:
    if abs(float(np.linalg.det(cell))) > 1e-6 * float(np.prod(np.linalg.norm(cell, axis=1))):
        return
    vectors = " ".join("(" + " ".join(f"{x:g}" for x in row) + ")" for row in cell)
    raise InputError(
        f"{name} has a cell of zero volume (vectors {vectors} A); its three vectors must not lie in one plane."
    )
