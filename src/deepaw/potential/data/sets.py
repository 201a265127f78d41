"""The `set.*` folders of a deepmd/npy system: arrays of all frames, spread over files, read as they are needed.

Files are mapped anew at every reading: of thousands of systems, none keeps a file open or a copy in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepaw.errors import InputError

BLOCK = 2**22
"""Numbers that are read at once when all frames are gone through."""


@dataclass(frozen=True)
class Quantity:
    """One array of numbers per frame, of every frame of a system.

    name: coord, energy, ...; paths, counts: the file of each set and the frames in it; shape: of one frame;
    dtype: what the numbers are converted to.
    """

    name: str
    paths: tuple[Path, ...]
    counts: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: type = np.float64

    def all(self) -> np.ndarray:
        """(nframes, *shape), read afresh."""
        return np.concatenate([rows for _, rows in self.blocks()])

    def frame(self, index: int) -> np.ndarray:
        """`shape`, of the frame `index` from 0."""
        number, row = self._place(index)
        return self._rows(number, slice(row, row + 1))[0]

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(index of the first frame, (n, *shape)) for all frames in order, some at a time."""
        start = 0
        size = max(1, BLOCK // max(1, int(np.prod(self.shape))))
        for number, count in enumerate(self.counts):
            for row in range(0, count, size):
                yield start + row, self._rows(number, slice(row, row + size))
            start += count

    def where(self, index: int) -> str:
        """How messages name a frame of this quantity: 'water/set.000/coord.npy, frame 3', from 1 in the file."""
        number, row = self._place(index)
        return f"{self.paths[number]}, frame {row + 1}"

    def _place(self, index: int) -> tuple[int, int]:
        ends = np.cumsum(self.counts)
        number = int(np.searchsorted(ends, index, side="right"))
        return number, index - int(ends[number] - self.counts[number])

    def _rows(self, number: int, rows: slice) -> np.ndarray:
        array = load(self.paths[number]).reshape(self.counts[number], int(np.prod(self.shape)))[rows]
        return np.asarray(array, dtype=self.dtype).reshape(-1, *self.shape)


def find_sets(folder: Path) -> list[Path]:
    """The set folders of a system, sorted. Raises InputError: there are none."""
    sets = sorted(path for path in folder.glob("set.*") if path.is_dir())
    if not sets:
        raise InputError(f"{folder} has no set.000 or other set.* folder; the frames of a system are kept in these.")
    return sets


def count_frames(sets: Sequence[Path], natoms: int) -> tuple[int, ...]:
    """Frames in each set, by its coord.npy.

    Raises InputError: no coord.npy, one that is not (nframes, 3 * natoms), or no frames at all.
    """
    counts = []
    for path in (folder / "coord.npy" for folder in sets):
        if not path.exists():
            raise InputError(f"There is no {path}; every set needs the coordinates of its frames.")
        shape = load(path).shape
        count = shape[0] if len(shape) > 1 else 1
        if int(np.prod(shape)) != 3 * natoms * count:
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
    """What `names[0]` (or another of `names`) is called in the sets, or None unless every set has it.

    shape: of one frame; None for an axis that may have any length.

    Raises InputError: a file of another shape, not of numbers, or of another count of frames than coord.npy has.
    """
    files = [next((path for name in names if (path := folder / f"{name}.npy").exists()), None) for folder in sets]
    found = [path for path in files if path is not None]
    if len(found) < len(files):
        return None
    sizes = [_frame_size(path, count, shape) for path, count in zip(found, counts, strict=True)]
    if any(size != sizes[0] for size in sizes):
        different = next(path for path, size in zip(found, sizes, strict=True) if size != sizes[0])
        raise InputError(f"{different} has numbers for another count of parameters than {found[0]}; they must agree.")
    known = int(np.prod([axis for axis in shape if axis is not None]))
    full = tuple(sizes[0] // known if axis is None else axis for axis in shape)
    return Quantity(names[0], tuple(found), tuple(counts), full, dtype)


def load(path: Path) -> np.ndarray:
    """A .npy file, mapped rather than read. Raises InputError: it is not one, or not of real numbers."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an array of numbers ({str(error).splitlines()[0]}).") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(f"{path} does not hold an array of real numbers; it should be a .npy file of floats.")
    return array


def _frame_size(path: Path, count: int, shape: tuple[int | None, ...]) -> int:
    """Numbers per frame, once it is certain that they fit."""
    found = load(path).shape
    total = int(np.prod(found))
    known = int(np.prod([axis for axis in shape if axis is not None]))
    right = total == known * count if None not in shape else count > 0 and total > 0 and total % (known * count) == 0
    if count == 0 and total == 0:
        return known
    frames = found[0] if found else 1
    if right and (frames == count or count == 1):
        return total // count
    needed = f"({count}, {known})" if None not in shape else f"({count}, {known} times the count of parameters)"
    if frames != count and len(found) > 0:
        raise InputError(
            f"{path} has the shape {found}, but coord.npy beside it has {count} frames; it should be {needed}."
        )
    raise InputError(f"{path} has the shape {found}; it should be {needed}.")
