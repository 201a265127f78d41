"""The C interface of potentials, `deepaw.h`, by ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64, c_uint8, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deepaw.native import library
from deepaw.potential.engine.frames import Frame

LIBRARY = Path(library.__file__).with_name("libdeepaw.so")


class Atoms(Structure):
    _fields_ = [
        ("natoms", c_int64),
        *((name, c_void_p) for name in ("coord", "types", "cell")),
        ("open", c_uint8 * 3),
        *((name, c_void_p) for name in ("fparam", "aparam", "numbers")),
    ]


class List(Structure):
    _fields_ = [
        ("ncentres", c_int64),
        *((name, c_void_p) for name in ("centres", "counts", "neighbours")),
        ("mask", c_int32),
    ]


class EnergyResult(Structure):
    _fields_ = [(name, c_void_p) for name in ("energy", "force", "virial", "atom_energy", "atom_virial")]


class TensorResult(Structure):
    _fields_ = [(name, c_void_p) for name in ("tensor", "force", "virial", "atom_tensor", "atom_virial")]


class Neighbours(NamedTuple):
    """Images of atoms within a cutoff, and the list of neighbours of each atom of the cell.

    coord: (nall, 3), the atoms and their images. owner: (nall,), the atom of each. lists: neighbours of each atom.
    """

    coord: np.ndarray
    owner: np.ndarray
    lists: list[np.ndarray]


@cache
def functions() -> ctypes.CDLL:
    """Load the library with the types of its functions."""
    loaded = ctypes.CDLL(str(LIBRARY))
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "deepaw_version": (c_int, []),
        "deepaw_error": (c_char_p, []),
        "deepaw_open": (c_void_p, [c_char_p, c_int]),
        "deepaw_close": (None, [c_void_p]),
        "deepaw_cutoff": (c_double, [c_void_p]),
        "deepaw_ntypes": (c_int, [c_void_p]),
        "deepaw_type_name": (c_char_p, [c_void_p, c_int]),
        "deepaw_nfparam": (c_int, [c_void_p]),
        "deepaw_naparam": (c_int, [c_void_p]),
        "deepaw_default_fparam": (POINTER(c_double), [c_void_p]),
        "deepaw_tensor_size": (c_int, [c_void_p]),
        "deepaw_selects": (c_int, [c_void_p, c_int]),
        "deepaw_description": (c_char_p, [c_void_p]),
        "deepaw_evaluate": (c_int, [c_void_p, c_void_p, c_void_p, c_int, c_void_p]),
        "deepaw_evaluate_tensor": (c_int, [c_void_p, c_void_p, c_void_p, c_int, c_void_p]),
        "deepaw_take_warning": (c_char_p, [c_void_p]),
        "deepaw_deviation": (None, [c_int, c_int64, c_int, c_void_p, c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class LibraryError(Exception):
    """Sentence of `deepaw_error`."""


class Model:
    """A model opened by the library, closed with the object."""

    def __init__(self, path: Path, bits: int = 64) -> None:
        self.lib = functions()
        self.handle = self.lib.deepaw_open(str(path).encode(), bits)
        if not self.handle:
            raise LibraryError(self.lib.deepaw_error().decode())

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.lib.deepaw_close(self.handle)

    def warnings(self) -> list[str]:
        """Take all warnings."""
        return [text.decode() for text in iter(lambda: self.lib.deepaw_take_warning(self.handle), None)]

    def evaluate(
        self, frame: Frame, neighbours: Neighbours | None = None, threads: int = 1, forces: bool = True
    ) -> dict[str, np.ndarray]:
        """Evaluate a frame, whose neighbours the library finds, or with lists; images' forces go to their atoms."""
        natoms = len(frame.types) if neighbours is None else len(neighbours.coord)
        owner = np.arange(natoms) if neighbours is None else neighbours.owner
        size = self.lib.deepaw_tensor_size(self.handle)
        names = ("tensor", "atom_tensor") if size else ("energy", "atom_energy")
        components = (size,) if size else ()
        results = {names[0]: np.full(components or (1,), np.nan), names[1]: np.full((natoms, *components), np.nan)}
        if forces:
            shapes = {"force": (natoms, 3), "virial": (3, 3), "atom_virial": (natoms, 3, 3)}
            results |= {name: np.full((*components, *shape), np.nan) for name, shape in shapes.items()}
        arrays = {
            "coord": np.ascontiguousarray(frame.coord if neighbours is None else neighbours.coord, dtype=np.float64),
            "types": frame.types[owner].astype(np.int32),
            "cell": None if frame.cell is None else np.ascontiguousarray(frame.cell, dtype=np.float64),
            "fparam": frame.fparam,
            "aparam": None if frame.aparam is None else np.ascontiguousarray(frame.aparam[owner]),
        }
        atoms = Atoms(natoms=natoms, **{name: pointer(array) for name, array in arrays.items()})
        atoms.open[:] = [not periodic for periodic in frame.periodic]
        listed = None if neighbours is None else make_list(neighbours.lists)
        result_class, function = (
            (TensorResult, self.lib.deepaw_evaluate_tensor) if size else (EnergyResult, self.lib.deepaw_evaluate)
        )
        result = result_class(**{name: array.ctypes.data for name, array in results.items()})
        struct = None if listed is None else ctypes.byref(listed[0])
        if function(self.handle, ctypes.byref(atoms), struct, threads, ctypes.byref(result)):
            raise LibraryError(self.lib.deepaw_error().decode())
        if neighbours is not None:
            for name in ("force", "atom_virial", names[1]):
                if name in results:
                    axis = len(components) if name != names[1] else 0
                    results[name] = fold(results[name], owner, len(frame.types), axis)
        return results


def pointer(array: np.ndarray | None) -> int | None:
    """Return the address of an array's numbers, or None."""
    return None if array is None else array.ctypes.data


def make_list(lists: list[np.ndarray], mask: int = -1) -> tuple[List, list[np.ndarray]]:
    """Return the C structure of lists of neighbours, and the arrays that have to live as long."""
    rows = [np.ascontiguousarray(row, dtype=np.int32) for row in lists]
    centres = np.arange(len(rows), dtype=np.int32)
    counts = np.array([len(row) for row in rows], dtype=np.int32)
    addresses = np.array([row.ctypes.data for row in rows], dtype=np.uint64)
    struct = List(len(rows), centres.ctypes.data, counts.ctypes.data, addresses.ctypes.data, mask)
    return struct, [*rows, centres, counts, addresses]


def fold(values: np.ndarray, owner: np.ndarray, natoms: int, axis: int) -> np.ndarray:
    """Add values of images to those of their atoms, along an axis."""
    result = np.zeros((natoms, *np.moveaxis(values, axis, 0).shape[1:]))
    np.add.at(result, owner, np.moveaxis(values, axis, 0))
    return np.moveaxis(result, 0, axis)


def images(frame: Frame, cutoff: float) -> Neighbours:
    """Return the atoms of a frame with their images, and lists of neighbours that reach a little beyond a cutoff."""
    reach = cutoff + 0.3
    owner, coord = [np.arange(len(frame.types))], [frame.coord]
    if frame.cell is not None:
        most = int(np.ceil(reach * np.linalg.norm(np.linalg.inv(frame.cell), axis=0).max())) + 1
        for shift in np.ndindex(*[2 * most + 1] * 3):
            steps = np.array(shift) - most
            if steps.any():
                image = frame.coord + steps @ frame.cell
                near = np.linalg.norm(image[:, None] - frame.coord, axis=2).min(axis=1) < reach
                owner.append(np.flatnonzero(near))
                coord.append(image[near])
    everywhere = np.concatenate(coord)
    lists = []
    for atom, position in enumerate(frame.coord):
        close = np.linalg.norm(everywhere - position, axis=1) < reach
        close[atom] = False
        lists.append(np.flatnonzero(close))
    return Neighbours(everywhere, np.concatenate(owner), lists)
