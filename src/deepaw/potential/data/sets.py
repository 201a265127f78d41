"""The `set.*` folders of a system: arrays of all frames, spread over files, read as they are needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import cast

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.arrayfile import ArrayFile, read_header
from deepaw.potential.data.hdf5 import SystemPath

Shape = tuple[int, ...]

BLOCK = 2**20
"""Numbers of one block when all frames are read in order."""


@dataclass(frozen=True)
class Quantity:
    """One array of numbers per frame, for all frames of a system.

    name: coord, energy, ...; files, counts: the file of each set and the frames in it; shape: of one frame;
    dtype: of the arrays returned; atoms: indices of the atoms whose rows the files hold, where these are not all; the
    rows of others are 0.
    """

    name: str
    files: tuple[ArrayFile, ...]
    counts: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: type = np.float64
    atoms: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def paths(self) -> tuple[SystemPath, ...]:
        """Path of the file of each set."""
        return tuple(file.path for file in self.files)

    def all(self) -> np.ndarray:
        """Read all frames into memory: (nframes, *shape)."""
        return np.concatenate([rows for _, rows in self.blocks()])

    def frame(self, index: int) -> np.ndarray:
        """Read the frame `index`, from 0, into memory: `shape`."""
        number, row = self._place(index)
        return np.array(self._rows(number, row, row + 1)[0])

    def blocks(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (index of the first frame, (n, *shape)) for the frames `first` to `last` - 1 (default: all) in order.

        A block is a read-only view of a mapped file where that has the dtype asked for, else a copy.
        """
        size = max(1, BLOCK // max(1, prod(self.shape)))
        start, last = first, self._ends[-1] if last is None else last
        while start < last:
            number, row = self._place(start)
            stop = min(start + size, last, self._ends[number])
            yield start, self._rows(number, row, row + stop - start)
            start = stop

    def where(self, index: int) -> str:
        """Name a frame of this quantity for messages: 'water/set.000/coord.npy, frame 3', from 1 in the file."""
        number, row = self._place(index)
        return f"{self.files[number].path}, frame {row + 1}"

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.counts))

    def _place(self, index: int) -> tuple[int, int]:
        """Number of the set, and the frame within it."""
        number = bisect_right(self._ends, index)
        return number, index - self._ends[number] + self.counts[number]

    def _rows(self, number: int, first: int, last: int) -> np.ndarray:
        """Read the frames `first` to `last` - 1 of a set: (last - first, *shape)."""
        stored: np.ndarray = np.asarray(self.files[number].rows(first, last, self.counts[number]), dtype=self.dtype)
        if self.atoms is None:
            return stored.reshape(last - first, *self.shape)
        rows: np.ndarray = np.zeros((last - first, *self.shape), dtype=self.dtype)
        rows[:, self.atoms] = stored.reshape(last - first, len(self.atoms), *self.shape[1:])
        return rows


def find_sets(folder: SystemPath) -> list[SystemPath]:
    """Find the set folders of a system, sorted. Raises InputError: there are none."""
    sets = sorted(path for path in folder.glob("set.*") if path.is_dir())
    if not sets:
        raise InputError(f"{folder} has no set.000 or other set.* folder; the frames of a system are kept in these.")
    return sets


def count_frames(sets: Sequence[SystemPath], natoms: int) -> tuple[int, ...]:
    """Count the frames in each set by its coord.npy.

    Raises InputError: no coord.npy, one that is not (nframes, 3 * natoms), or no frames at all.
    """
    counts = []
    for path in (folder / "coord.npy" for folder in sets):
        if not path.exists():
            raise InputError(f"There is no {path}; every set needs the coordinates of its frames.")
        shape = read_header(path).shape
        count = shape[0] if len(shape) > 1 else 1
        if prod(shape) != 3 * natoms * count:
            raise InputError(
                f"{path} has the shape {shape}; for the {natoms} atoms of type.raw it must be (nframes, {3 * natoms})."
            )
        counts.append(count)
    if sum(counts) == 0:
        raise InputError(f"{sets[0].parent} holds no frames; coord.npy is empty in each of its sets.")
    return tuple(counts)


def find_quantity(
    sets: Sequence[SystemPath],
    counts: Sequence[int],
    names: Sequence[str],
    shape: tuple[int | None, ...],
    dtype: type = np.float64,
    atoms: Sequence[int] | None = None,
) -> Quantity | None:
    """Find the files of a quantity, called `names[0]`; None unless every set has one.

    As in DeePMD-kit, the numbers of a file may have any shape; what counts is their number.

    names: file names without .npy, of which each set has the first or another. shape: of one frame; None for an axis
    that may have any length. atoms: indices of the atoms, the first axis of `shape`, whose rows files may hold alone.

    Raises InputError: a file of another size than the frames of coord.npy have, or not of numbers.
    """
    files = [next((path for name in names if (path := folder / f"{name}.npy").exists()), None) for folder in sets]
    paths = [path for path in files if path is not None]
    if len(paths) < len(files):
        return None
    headers = [read_header(path) for path in paths]
    alone = None if atoms is None else (len(atoms), *shape[1:])
    sizes = {
        path: size
        for path, header, count in zip(paths, headers, counts, strict=True)
        if (size := _frame_size(header, count, shape, alone)) is not None
    }
    fixed = _fixed(shape)
    size = next(iter(sizes.values()), fixed)
    if different := [path for path in sizes if sizes[path] != size]:
        raise InputError(
            f"{different[0]} has another number of values for each frame than {next(iter(sizes))}; they must agree."
        )
    if None not in shape and size != fixed:
        return Quantity(names[0], tuple(headers), tuple(counts), cast(Shape, shape), dtype, np.array(atoms, np.int64))
    full = tuple(size // fixed if axis is None else axis for axis in shape)
    return Quantity(names[0], tuple(headers), tuple(counts), full, dtype)


def _frame_size(
    file: ArrayFile, count: int, shape: tuple[int | None, ...], alone: tuple[int | None, ...] | None
) -> int | None:
    """Return the numbers per frame; None without frames. Raises InputError: another count of numbers.

    shape: of one frame, with None for any length; alone: another shape that is right, too.
    """
    total, fixed = prod(file.shape), _fixed(shape)
    if count == 0 and total == 0:
        return None
    sizes = [fixed] if alone is None else [fixed, _fixed(alone)]
    if None in shape and total > 0 and count > 0 and total % (fixed * count) == 0:
        return total // count
    if None not in shape and total in [size * count for size in sizes]:
        return total // count
    needed = " or ".join(f"({count}, {size})" for size in sizes)
    if None in shape:
        needed = f"({count}, a multiple of {fixed})"
    if file.shape and file.shape[0] != count:
        raise InputError(
            f"{file.path} has the shape {file.shape}, but coord.npy beside it has {count} frames; it should be "
            f"{needed}."
        )
    raise InputError(f"{file.path} has the shape {file.shape}; it should be {needed}.")


def _fixed(shape: tuple[int | None, ...]) -> int:
    """Return the product of the axes of fixed length."""
    return prod(axis for axis in shape if axis is not None)
