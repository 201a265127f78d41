"""Arrays in .npy files and in datasets of HDF5 files, read row by row.

The header of a file is read once. Arrays that lie in one piece are mapped into memory; a bounded number of maps stays
open, so that the next frame of a file costs microseconds, and of thousands of files only some take a file descriptor.
Chunked and compressed datasets are read through an open file. No array is copied into memory as a whole, unless its
shape does not begin with an axis for frames.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Literal, cast

import h5py
import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.hdf5 import HDF5Path, SystemPath, read_contents

OPEN_MAPS = 64
"""Files that stay mapped or open; the one that was not read for the longest time is closed first."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""Readers by version of the format; version 3 is that of arrays of records, which hold no plain numbers."""


@dataclass(frozen=True)
class ArrayFile:
    """Header of an array of real numbers in a file. A file that changes on disk has another `size` or `mtime_ns`.

    size: bytes of the file; mtime_ns: time of its last change; offset: bytes before the first number, or None for a
    dataset that does not lie in one piece; order: "C" or "F", columns first.
    """

    path: SystemPath
    size: int
    mtime_ns: int
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int | None
    order: Literal["C", "F"] = "C"

    def rows(self, first: int, last: int, count: int) -> np.ndarray:
        """Read the rows `first` to `last` - 1 of `count`, into which the numbers are divided in the order of the axes.

        Returns (last - first, ...) in the file's dtype, of a shape as in the file where its first axis is the rows'; a
        read-only view of a mapped file, or a copy. Raises InputError: the file was removed or cut off.
        """
        try:
            return cast(np.ndarray, _map(self, count)[first:last])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _unreadable(self.path, error) from None


def read_header(path: SystemPath) -> ArrayFile:
    """Read the header of an array. Raises InputError: it is not a .npy file or a dataset, or not of real numbers."""
    try:
        header = _dataset_header(path) if isinstance(path, HDF5Path) else _npy_header(path)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None
    if header.dtype.kind not in "fiu":
        kind = "dataset" if isinstance(path, HDF5Path) else ".npy file"
        raise InputError(f"{path} does not hold an array of real numbers; it should be a {kind} of floats.")
    return header


def _npy_header(path: Path) -> ArrayFile:
    with path.open("rb") as stream:
        read = _HEADERS[np.lib.format.read_magic(stream)]
        shape, is_fortran, dtype = read(stream)
        offset, status = stream.tell(), os.fstat(stream.fileno())
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if status.st_size < offset + prod(shape) * dtype.itemsize:
        raise ValueError("it was cut off")
    return ArrayFile(path, status.st_size, status.st_mtime_ns, dtype, shape, offset, "F" if is_fortran else "C")


def _dataset_header(path: HDF5Path) -> ArrayFile:
    contents = read_contents(path.file)
    dataset = contents.datasets.get(path.inside)
    if dataset is None:
        raise ValueError("it is a group")
    return ArrayFile(path, contents.size, contents.mtime_ns, dataset.dtype, dataset.shape, dataset.offset)


@lru_cache(maxsize=OPEN_MAPS)
def _map(file: ArrayFile, count: int) -> np.ndarray | h5py.Dataset:
    """Map a file, or open a dataset that cannot be mapped, with `count` rows."""
    has_rows = file.shape[:1] == (count,)
    path = file.path
    if isinstance(path, HDF5Path):
        contents = read_contents(path.file)
        if (contents.size, contents.mtime_ns) != (file.size, file.mtime_ns):
            raise ValueError("the file has changed since it was opened")
    if isinstance(path, HDF5Path) and file.offset is None:
        dataset = h5py.File(path.file, "r")[str(path.inside)]
        return dataset if has_rows else dataset[()].reshape(count, -1)
    with (path.file if isinstance(path, HDF5Path) else path).open("rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    array = np.ndarray(file.shape, file.dtype, content, file.offset or 0, order=file.order)
    return array if has_rows else array.reshape(count, -1)


def _unreadable(path: SystemPath, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read as an array of numbers ({str(error).splitlines()[0]}).")
