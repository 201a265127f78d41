"""Arrays in .npy files, mapped into memory when they are read.

The header of a file is read once. A bounded number of maps stays open, so that the next frame of a file costs
microseconds, and of thousands of files only some take a file descriptor. No array is copied into memory as a whole.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np

from deepaw.errors import InputError

OPEN_MAPS = 64
"""Files that stay mapped; the one that was not read for the longest time is closed first."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""Readers by version of the format; version 3 is that of arrays of records, which hold no plain numbers."""


@dataclass(frozen=True)
class ArrayFile:
    """Header of a .npy file of real numbers. A file that changes on disk has another `size` or `mtime_ns`.

    size: bytes of the file; mtime_ns: time of its last change; offset: bytes before the first number; order: "C" or
    "F", columns first.
    """

    path: Path
    size: int
    mtime_ns: int
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    def array(self) -> np.ndarray:
        """Map the file: a read-only array in the file's dtype. Raises InputError: the file was removed or cut off."""
        return _map(self)


def read_header(path: Path) -> ArrayFile:
    """Read the header of a .npy file. Raises InputError: the file is not a .npy file, or not one of real numbers."""
    try:
        with path.open("rb") as stream:
            read = _HEADERS[np.lib.format.read_magic(stream)]
            shape, is_fortran, dtype = read(stream)
            offset, status = stream.tell(), os.fstat(stream.fileno())
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        if status.st_size < offset + prod(shape) * dtype.itemsize:
            raise ValueError("it was cut off")
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None
    if dtype.kind not in "fiu":
        raise InputError(f"{path} does not hold an array of real numbers; it should be a .npy file of floats.")
    return ArrayFile(path, status.st_size, status.st_mtime_ns, dtype, shape, offset, "F" if is_fortran else "C")


@lru_cache(maxsize=OPEN_MAPS)
def _map(file: ArrayFile) -> np.ndarray:
    try:
        with file.path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return np.ndarray(file.shape, file.dtype, content, file.offset, order=file.order)
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(file.path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read as an array of numbers ({str(error).splitlines()[0]}).")
