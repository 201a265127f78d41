"""Arrays in .npy files, mapped into memory when they are read.

The header of a file is read once. A bounded number of maps stays open, so that the next frame of a file costs
microseconds, and of thousands of files only some take a file descriptor. No array is copied into memory as a whole.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from deepaw.errors import InputError

OPEN_MAPS = 64
"""Files that stay mapped; the one that was not read for the longest time is closed first."""


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
    order: str

    def array(self) -> np.ndarray:
        """Map the file: a read-only array in the file's dtype. Raises InputError: the file was removed or cut off."""
        return _map(self)


def read_header(path: Path) -> ArrayFile:
    """Read the header of a .npy file. Raises InputError: the file is not a .npy file, or not one of real numbers."""
    try:
        status = path.stat()
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(array, np.memmap) or array.dtype.kind not in "fiu":
        raise InputError(f"{path} does not hold an array of real numbers; it should be a .npy file of floats.")
    order = "C" if array.flags.c_contiguous else "F"
    return ArrayFile(path, status.st_size, status.st_mtime_ns, array.dtype, array.shape, array.offset, order)


@lru_cache(maxsize=OPEN_MAPS)
def _map(file: ArrayFile) -> np.ndarray:
    try:
        with file.path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return np.ndarray(file.shape, file.dtype, content, file.offset, order="F" if file.order == "F" else "C")
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(file.path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read as an array of numbers ({str(error).splitlines()[0]}).")
