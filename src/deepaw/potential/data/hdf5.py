"""Systems in HDF5 files: `water.hdf5#/a` is a group that holds what the folder of a system holds.

`HDF5Path` has those methods of `pathlib.Path` that readers of systems use, so that they read both. Groups stand for
folders and datasets for files, as DeePMD-kit and dpdata write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from deepaw.errors import InputError

SEPARATOR = "#"
"""Character between the file and the group."""

CACHED_FILES = 64
"""Files whose tables of contents are kept, without an open file."""

ROOT = PurePosixPath("/")


@dataclass(frozen=True)
class Dataset:
    """Description of a dataset.

    offset: bytes of the file before its first number where it lies in one piece; None where it is chunked, compressed,
    elsewhere or empty.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int | None


@dataclass(frozen=True)
class Contents:
    """Table of contents of a file. size: bytes of the file; mtime_ns: time of its last change."""

    size: int
    mtime_ns: int
    datasets: dict[PurePosixPath, Dataset]
    groups: dict[PurePosixPath, list[PurePosixPath]]
    """Members of each group, sorted."""


@dataclass(frozen=True, order=True)
class HDF5Path:
    """Group or dataset of an HDF5 file. inside: its path within the file, from the root /."""

    file: Path
    inside: PurePosixPath = ROOT

    def __str__(self) -> str:
        return f"{self.file}{SEPARATOR}{self.inside}"

    def __truediv__(self, name: str) -> HDF5Path:
        return HDF5Path(self.file, self.inside / name)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.inside.name

    @property
    def parent(self) -> HDF5Path:
        """Group around it."""
        return HDF5Path(self.file, self.inside.parent)

    def exists(self) -> bool:
        """Whether there is a group or a dataset of this name."""
        return self.is_dir() or self.is_file()

    def is_dir(self) -> bool:
        """Whether it is a group."""
        return self.inside in read_contents(self.file).groups

    def is_file(self) -> bool:
        """Whether it is a dataset."""
        return self.inside in read_contents(self.file).datasets

    def glob(self, pattern: str) -> Iterator[HDF5Path]:
        """Yield the members of the group whose names match."""
        members = read_contents(self.file).groups.get(self.inside, [])
        return (HDF5Path(self.file, member) for member in members if member.match(pattern))

    def rglob(self, pattern: str) -> Iterator[HDF5Path]:
        """Yield all groups and datasets below that match a relative pattern."""
        if PurePosixPath(pattern).is_absolute():
            raise NotImplementedError("Non-relative patterns are unsupported")
        for member in read_contents(self.file).groups.get(self.inside, []):
            path = HDF5Path(self.file, member)
            if member.relative_to(self.inside).match(pattern):
                yield path
            yield from (below for below in path.rglob("*") if below.inside.relative_to(self.inside).match(pattern))

    def resolve(self) -> HDF5Path:
        """Return the path with links of the file resolved."""
        return HDF5Path(self.file.resolve(), self.inside)

    def read_text(self) -> str:
        """Return the strings or numbers of a dataset as lines. Raises OSError, UnicodeDecodeError: as a text file."""
        if not self.is_file():
            raise IsADirectoryError(f"{self} is a group")
        with h5py.File(self.file, "r") as file:
            values = np.atleast_1d(file[str(self.inside)][()]).ravel().tolist()
        return "\n".join(value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values)


SystemPath = Path | HDF5Path
"""Place of a system or of one of its parts."""


def system_path(entry: str | Path | HDF5Path, folder: Path = Path()) -> SystemPath:
    """Return the place that an entry of a list of systems names: a folder, an HDF5 file, or a group of one.

    folder: what relative paths are relative to. Raises InputError: there is none, or the file is not HDF5.
    """
    if isinstance(entry, HDF5Path):
        return entry
    path = folder / entry
    if path.is_dir():
        return path
    name, separator, inside = str(path).rpartition(SEPARATOR)
    file = Path(name) if separator else path
    if not file.is_file():
        raise InputError(
            f"There is no folder {path}; a system is a folder with type.raw and set.*, or a group of an HDF5 file "
            "(water.hdf5#/a)."
        )
    place = HDF5Path(file, ROOT / inside if separator else ROOT)
    if not place.is_dir():
        raise InputError(f"{file} has no group {place.inside}; what it has is {', '.join(map(str, _top(file)))}.")
    return place


def read_contents(file: Path) -> Contents:
    """Read the table of contents of an HDF5 file. Raises InputError: it is not HDF5, or it cannot be read."""
    try:
        status = file.stat()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    return _contents(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=CACHED_FILES)
def _contents(path: Path, size: int, mtime_ns: int) -> Contents:
    datasets: dict[PurePosixPath, Dataset] = {}
    groups: dict[PurePosixPath, list[PurePosixPath]] = {ROOT: []}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        inside = ROOT / name
        groups[inside.parent].append(inside)
        if isinstance(item, h5py.Group):
            groups[inside] = []
        elif isinstance(item, h5py.Dataset):
            datasets[inside] = Dataset(item.dtype, tuple(item.shape or ()), _offset(item))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(add)
    except (OSError, RuntimeError, KeyError):
        raise InputError(
            f"{path} is not an HDF5 file; systems are in one, or each in a folder with type.raw and set.*."
        ) from None
    return Contents(size, mtime_ns, datasets, {group: sorted(members) for group, members in groups.items()})


def _offset(dataset: h5py.Dataset) -> int | None:
    if dataset.chunks is not None or dataset.external or dataset.is_virtual or dataset.file.userblock_size:
        return None
    offset: int | None = dataset.id.get_offset()
    return offset


def _top(file: Path) -> list[PurePosixPath]:
    return read_contents(file).groups[ROOT]
