"""The compiled library alone, by its C interface, with lists of neighbours as LAMMPS makes them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from ctypes import Structure, c_int, c_int32, c_int64, c_uint8, c_void_p
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from deepaw.native import library


class Atoms(Structure):
    """C structure `deepaw_atoms`."""

    _fields_ = [
        ("natoms", c_int64),
        *((name, c_void_p) for name in ("coord", "types", "cell")),
        ("open", c_uint8 * 3),
        *((name, c_void_p) for name in ("fparam", "aparam", "numbers")),
    ]


class NeighbourList(Structure):
    """C structure `deepaw_neighbour_list`."""

    _fields_ = [
        ("ncentres", c_int64),
        *((name, c_void_p) for name in ("centres", "counts", "neighbours")),
        ("mask", c_int32),
    ]


class Result(Structure):
    """C structure `deepaw_energy_result`."""

    _fields_ = [(name, c_void_p) for name in ("energy", "force", "virial", "atom_energy", "atom_virial")]


def time_library(
    model: Path, bits: int, coord: np.ndarray, cell: np.ndarray, types: np.ndarray, reach: float, repeats: int
) -> float:
    """Return the least seconds of an evaluation with forces and virial, neighbours given.

    coord: (natoms, 3), A. cell: (3, 3), A, of right angles. reach: A, of the lists of neighbours.
    """
    everywhere, owner, lists = find_images(coord, np.diag(cell), reach)
    kinds = types[owner].astype(np.int32)
    rows = [np.array(row, dtype=np.int32) for row in lists]
    centres, counts = np.arange(len(rows), dtype=np.int32), np.array([len(row) for row in rows], dtype=np.int32)
    addresses = np.array([row.ctypes.data for row in rows], dtype=np.uint64)
    listed = NeighbourList(len(rows), centres.ctypes.data, counts.ctypes.data, addresses.ctypes.data, -1)
    atoms = Atoms(natoms=len(kinds), coord=everywhere.ctypes.data, types=kinds.ctypes.data)
    energy, force, virial = np.empty(1), np.empty_like(everywhere), np.empty(9)
    result = Result(energy.ctypes.data, force.ctypes.data, virial.ctypes.data, None, None)
    lib = ctypes.CDLL(str(Path(library.__file__).with_name("libdeepaw.so")))
    lib.deepaw_open.restype, lib.deepaw_open.argtypes = c_void_p, [ctypes.c_char_p, c_int]
    lib.deepaw_evaluate.argtypes = [c_void_p, c_void_p, c_void_p, c_int, c_void_p]
    lib.deepaw_close.restype, lib.deepaw_close.argtypes = None, [c_void_p]
    handle = lib.deepaw_open(str(model).encode(), bits)
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        lib.deepaw_evaluate(handle, ctypes.byref(atoms), ctypes.byref(listed), 1, ctypes.byref(result))
        least = min(least, time.perf_counter() - start)
    lib.deepaw_close(handle)
    return least


def find_images(
    coord: np.ndarray, lengths: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, Sequence[Sequence[int]]]:
    """Return atoms and their images within `reach` of the cell (nall, 3), the atom of each, and lists of neighbours."""
    inside = coord % lengths
    parts, owners = [inside], [np.arange(len(coord))]
    for steps in np.ndindex(3, 3, 3):
        shift = np.array(steps) - 1
        if not shift.any():
            continue
        image = inside + shift * lengths
        near = ((image > -reach) & (image < lengths + reach)).all(axis=1)
        parts.append(image[near])
        owners.append(np.flatnonzero(near))
    everywhere = np.ascontiguousarray(np.concatenate(parts))
    tree = cKDTree(everywhere)
    lists = [sorted(set(row) - {atom}) for atom, row in enumerate(tree.query_ball_point(inside, reach))]
    return everywhere, np.concatenate(owners), lists
