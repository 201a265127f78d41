"""The `set.*` folders of a deepmd/npy system: arrays of all frames, spread over files, read as they are needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from pathlib import Path

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.arrayfile import ArrayFile, read_header

BLOCK = 2**20
"""Numbers of one block when all frames are read in order."""


@dataclass(frozen=True)
class Quantity:
    """One array of numbers per frame, for all frames of a system.

    name: coord, energy, ...; files, counts: the file of each set and the frames in it; shape: of one frame;
    dtype: of the arrays returned.
    """

    name: str
    files: tuple[ArrayFile, ...]
    counts: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: type = np.float64

    @property
    def paths(self) -> tuple[Path, ...]:
        """Path of the file of each set."""
        return tuple(file.path for file in self.files)

    def all(self) -> np.ndarray:
        """Read all frames into memory: (nframes, *shape)."""
        return np.concatenate([rows for _, rows in self.blocks()])

    def frame(self, index: int) -> np.ndarray:
        """Read the frame `index`, from 0, into memory: `shape`."""
        number, row = self._place(index)
        return np.array(self._array(number)[row], dtype=self.dtype).reshape(self.shape)

    def blocks(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (index of the first frame, (n, *shape)) for the frames `first` to `last` - 1 (default: all) in order.

        A block is a read-only view of a mapped file where that has the dtype asked for, else a copy.
        """
        size = max(1, BLOCK // max(1, prod(self.shape)))
        start, last = first, self._ends[-1] if last is None else last
        while start < last:
            number, row = self._place(start)
            stop = min(start + size, last, self._ends[number])
            rows = self._array(number)[row : row + stop - start]
            yield start, np.asarray(rows, dtype=self.dtype).reshape(stop - start, *self.shape)
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

    def _array(self, number: int) -> np.ndarray:
        """Map the file of a set, with an axis for frames."""
        array = self.files[number].array()
        # the file of a single frame may lack it
        return array if array.shape[:1] == (self.counts[number],) else array[None]


def find_sets(folder: Path) -> list[Path]:
    """Find the set folders of a system, sorted. Raises InputError: there are none."""
    sets = sorted(path for path in folder.glob("set.*") if path.is_dir())
    if not sets:
        raise InputError(f"{folder} has no set.000 or other set.* folder; the frames of a system are kept in these.")
    return sets


def count_frames(sets: Sequence[Path], natoms: int) -> tuple[int, ...]:
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
    sets: Sequence[Path],
    counts: Sequence[int],
    names: Sequence[str],
    shape: tuple[int | None, ...],
    dtype: type = np.float64,
) -> Quantity | None:
    """Find the files of a quantity, called `names[0]`; None unless every set has one.

    names: file names without .npy, of which each set has the first or another. shape: of one frame; None for an axis
    that may have any length.

    Raises InputError: a file of another shape, not of numbers, or of another count of frames than coord.npy has.
    """
    files = [next((path for name in names if (path := folder / f"{name}.npy").exists()), None) for folder in sets]
    paths = [path for path in files if path is not None]
    if len(paths) < len(files):
        return None
    headers = [read_header(path) for path in paths]
    sizes = [_frame_size(header, count, shape) for header, count in zip(headers, counts, strict=True)]
    if any(size != sizes[0] for size in sizes):
        different = next(path for path, size in zip(paths, sizes, strict=True) if size != sizes[0])
        raise InputError(f"{different} has numbers for another count of parameters than {paths[0]}; they must agree.")
    fixed = prod(axis for axis in shape if axis is not None)
    full = tuple(sizes[0] // fixed if axis is None else axis for axis in shape)
    return Quantity(names[0], tuple(headers), tuple(counts), full, dtype)


def _frame_size(file: ArrayFile, count: int, shape: tuple[int | None, ...]) -> int:
    """Return the numbers per frame. Raises InputError: the file has another shape or another count of frames."""
    stored, path = file.shape, file.path
    total = prod(stored)
    fixed = prod(axis for axis in shape if axis is not None)
    right = total == fixed * count if None not in shape else count > 0 and total > 0 and total % (fixed * count) == 0
    if count == 0 and total == 0:
        return fixed
    frames = stored[0] if stored else 1
    if right and (frames == count or count == 1):
        return total // count
    needed = f"({count}, {fixed})" if None not in shape else f"({count}, {fixed} times the count of parameters)"
    if frames != count and len(stored) > 0:
        raise InputError(
            f"{path} has the shape {stored}, but coord.npy beside it has {count} frames; it should be {needed}."
        )
    raise InputError(f"{path} has the shape {stored}; it should be {needed}.")
