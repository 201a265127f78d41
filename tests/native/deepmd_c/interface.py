"""DeePMD-kit's C interface through ctypes: calls with numpy arrays, objects, and neighbour lists of images."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.native.files import library_file
from deepaw.potential.engine.frames import Frame
from native.libdeepaw import fold, images
from potential.structures import Structure

REALS = {"": np.float64, "f": np.float32}
"""Type of the arrays by the letter in the names of functions."""


@cache
def load() -> ctypes.CDLL:
    """Return the library; tests are skipped where it was not built."""
    try:
        path = library_file()
    except InputError:
        pytest.skip("the compiled library was not built")
    return ctypes.CDLL(str(path.with_name("libdeepmd_c" + path.suffix)))


def call(name: str, *arguments: Any) -> Any:
    """Call DP_<name>; texts that it returns are freed. Pointers to integers of the library are returned as pointers."""
    function = load()[f"DP_{name}"]
    texts = name.endswith(("CheckOK", "GetTypeMap")) or name.startswith("ReadFileToChar")
    if texts or name.startswith("New"):
        function.restype = ctypes.c_void_p
    elif name.endswith("GetCutoff"):
        function.restype = ctypes.c_double
    elif name.endswith("GetSelTypes"):
        function.restype = ctypes.POINTER(ctypes.c_int)
    elif any(word in name for word in ("IsAParam", "HasDefault", "Uses", "Supports")):
        function.restype = ctypes.c_bool
    result = function(*(_passed(argument) for argument in arguments))
    if not texts:
        return result
    text = ctypes.string_at(result)
    load().DP_DeleteChar(ctypes.c_void_p(result))
    return text.decode()


def _passed(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return ctypes.c_void_p(argument.ctypes.data)
    if isinstance(argument, str):
        return argument.encode()
    return argument


@contextmanager
def opened(kind: str, *arguments: Any, constructor: str = "") -> Iterator[ctypes.c_void_p]:
    """Yield a DP_<kind> by DP_New<kind><constructor>, and delete it."""
    handle = ctypes.c_void_p(call(f"New{kind}{constructor}", *arguments))
    assert handle
    try:
        yield handle
    finally:
        call(f"Delete{kind}", handle)


def names(paths: list[Any]) -> ctypes.Array[ctypes.c_char_p]:
    """Return paths as an array of C strings."""
    return (ctypes.c_char_p * len(paths))(*(str(path).encode() for path in paths))


@dataclass(frozen=True)
class Images:
    """A structure with the images of its atoms near by, which come last, and the full neighbour list of its atoms.

    coord: (natoms, 3). types: (natoms). owner: (natoms), the atom of which each is an image.
    neighbours: lists of the neighbours of each of the nlocal atoms.
    """

    coord: np.ndarray
    types: np.ndarray
    owner: np.ndarray
    nlocal: int
    neighbours: list[np.ndarray]

    @property
    def nghost(self) -> int:
        return len(self.types) - self.nlocal

    def folded(self, values: np.ndarray) -> np.ndarray:
        """Add values (..., natoms, width) of images to those of their atoms, (..., nlocal, width)."""
        return fold(values, self.owner, self.nlocal, values.ndim - 2)

    @contextmanager
    def list(self, centres: np.ndarray | None = None, bits: int = 0) -> Iterator[ctypes.c_void_p]:
        """Yield a DP_Nlist of the atoms in the order of `centres`; bits: set in the entries, and masked."""
        centres = np.arange(self.nlocal) if centres is None else centres
        ilist = centres.astype(np.int32)
        rows = [(self.neighbours[centre] | bits).astype(np.int32) for centre in centres]
        counts = np.array([len(row) for row in rows], np.int32)
        pointers = (ctypes.c_void_p * len(rows))(*(row.ctypes.data for row in rows))
        nlist = ctypes.c_void_p(call("NewNlist", len(rows), ilist, counts, pointers))
        if bits:
            call("NlistSetMask", nlist, ~bits)
        try:
            yield nlist
        finally:
            call("DeleteNlist", nlist)


def with_images(structure: Structure, cutoff: float) -> Images:
    """Return a structure with all images within a cutoff of one of its atoms, and their neighbour lists."""
    neighbours = images(Frame(structure.coord, structure.cell, structure.types), cutoff)
    types = structure.types[neighbours.owner].astype(np.int32)
    return Images(neighbours.coord, types, neighbours.owner, len(structure.types), neighbours.lists)
