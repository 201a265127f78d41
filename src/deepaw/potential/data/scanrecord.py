"""Results of a scan kept in a file, so that the next training on unchanged data does not scan them again.

The file lies in the folder of the system, or else, as for systems in HDF5 files, among the user's caches. It holds a
fingerprint of the system's files; results with another fingerprint are ignored, as is a file that cannot be read or was
not written by this version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.potential.data.neighbours import NeighbourCounts
from deepaw.potential.data.sets import Quantity
from deepaw.potential.data.system import System

FILE_NAME = ".deepaw-scan.json"
"""File in the folder of a system."""

VERSION = 1
"""Version of the file's layout and of the search for neighbours; files of another version are ignored."""

SMALLEST_SYSTEM = 1000
"""Atoms in all frames of a system, below which no record is kept: a scan takes no longer than a file."""

WRITABLE = 0o222
"""Permissions of a folder to be written to, at least one of them: root, too, leaves write-protected data alone."""

MOST_ENTRIES = 16
"""Counts in one file, of different cutoffs or type maps; the oldest are dropped."""


class StoredCounts(BaseModel):
    """Neighbours within a cutoff in a system, and all that they depend on besides the system's files.

    translation: the index in the model's type map for each type number of the files; shortest: (type, type, distance in
    A, frame), the lower type first. The others as in `NeighbourCounts`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    rcut: float
    masked: bool
    ntypes: int
    translation: list[int]
    largest: list[int]
    total: list[int]
    most: int
    natoms: int
    shortest: list[tuple[int, int, float, int]]

    @classmethod
    def from_counts(cls, counts: NeighbourCounts, system: System, rcut: float, masked: bool) -> StoredCounts:
        """Convert the counts of a system for a file."""
        pairs = np.argwhere(np.triu(np.isfinite(counts.distance))).tolist()
        return cls(
            rcut=rcut,
            masked=masked,
            ntypes=len(system.type_map),
            translation=system.translation.tolist(),
            largest=counts.largest.tolist(),
            total=counts.total.tolist(),
            most=counts.largest_total,
            natoms=counts.natoms,
            shortest=[(i, j, float(counts.distance[i, j]), int(counts.frame[i, j])) for i, j in pairs],
        )

    def belongs_to(self, system: System, rcut: float, masked: bool) -> bool:
        """Whether a scan of the system with this cutoff would give these counts, if its files are unchanged."""
        return (self.rcut, self.masked, self.ntypes, self.translation) == (
            rcut,
            masked,
            len(system.type_map),
            system.translation.tolist(),
        )

    def counts(self) -> NeighbourCounts:
        """Convert to the counts of a scan. Raises ValueError, IndexError: arrays of a wrong length."""
        counts = NeighbourCounts(self.ntypes)
        counts.largest = np.array(self.largest).reshape(self.ntypes)
        counts.total = np.array(self.total).reshape(self.ntypes)
        counts.largest_total, counts.natoms = self.most, self.natoms
        for i, j, distance, frame in self.shortest:
            counts.distance[[i, j], [j, i]] = distance
            counts.frame[[i, j], [j, i]] = frame
        return counts


class ScanRecord(BaseModel):
    """Content of the file. All numbers of the files with this fingerprint are finite."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int
    fingerprint: str
    neighbours: list[StoredCounts]

    def counts(self, system: System, rcut: float, masked: bool) -> NeighbourCounts | None:
        """Look up the neighbours in the system within `rcut` (A); None where they are not in the file."""
        for entry in self.neighbours:
            if entry.belongs_to(system, rcut, masked):
                with suppress(ValueError, IndexError):
                    return entry.counts()
        return None


def fingerprint(system: System) -> str:
    """Return a hash over names, sizes and times of change of a system's arrays, its types and whether it has cells."""
    digest = hashlib.sha256(json.dumps([system.natoms, system.is_periodic, system.is_mixed]).encode())
    types = system.raw_types
    for quantity in [*system.quantities(), *([types] if isinstance(types, Quantity) else [])]:
        files = [(f"{file.path.parent.name}/{file.path.name}", file.size, file.mtime_ns) for file in quantity.files]
        digest.update(json.dumps([quantity.name, files]).encode())
    if not isinstance(types, Quantity):
        digest.update(types.tobytes())
    return digest.hexdigest()


def read_record(system: System) -> ScanRecord | None:
    """Read the record of a system; None where there is none of its present files."""
    if system.nframes * system.natoms < SMALLEST_SYSTEM:
        return None
    expected = fingerprint(system)
    for path in _places(system):
        try:
            record = ScanRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        if record.version == VERSION and record.fingerprint == expected:
            return record
    return None


def write_record(system: System, entries: Sequence[StoredCounts], earlier: ScanRecord | None) -> None:
    """Write the counts of a scan and those in `earlier` to the first place that can be written to, if any can."""
    if system.nframes * system.natoms < SMALLEST_SYSTEM:
        return
    if earlier is not None:
        entries = [*entries, *earlier.neighbours]
    record = ScanRecord(version=VERSION, fingerprint=fingerprint(system), neighbours=list(entries)[:MOST_ENTRIES])
    for path in _places(system):
        with suppress(OSError, InputError):
            if path.name != FILE_NAME:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.parent.stat().st_mode & WRITABLE:
                continue
            with output_file(path) as temporary:
                temporary.write_text(record.model_dump_json() + "\n")
            return


def _places(system: System) -> Iterator[Path]:
    """Yield the paths where the record of a system may be, the preferred one first."""
    if isinstance(system.folder, Path):
        yield system.folder / FILE_NAME
    with suppress(OSError, RuntimeError):  # no home
        folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not folder.is_absolute():
            folder = Path.home() / ".cache"
        name = hashlib.sha256(os.fsencode(str(system.folder.resolve()))).hexdigest()[:32]
        yield folder / "deepaw" / "scans" / f"{name}.json"
