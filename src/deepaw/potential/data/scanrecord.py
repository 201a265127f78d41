"""Results of a scan kept in a file, so that the next training on unchanged data does not scan them again.

The file lies in the folder of the system, or else among the user's caches. It holds a fingerprint of the system's
files; results with another fingerprint are ignored, as is a file that cannot be read or was not written by this
version.
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

NAME = ".deepaw-scan.json"
"""File in the folder of a system."""

VERSION = 1
"""Of the file's layout and of what is counted."""

SMALLEST = 1000
"""Atoms in all frames of a system, below which a scan takes no longer than a file."""

WRITABLE = 0o222
"""Permissions of a folder, one of which it should have: data that nobody may write to are left as they are, by root
too."""

MOST_COUNTS = 16
"""Results in one file: the newest, of different cutoffs or type maps."""


class Counts(BaseModel):
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
    def of(cls, counts: NeighbourCounts, system: System, rcut: float, masked: bool) -> Counts:
        """Convert the counts of a system for a file."""
        pairs = np.argwhere(np.triu(np.isfinite(counts.distance))).tolist()
        return cls(
            rcut=rcut,
            masked=masked,
            ntypes=len(system.type_map),
            translation=system.translation.tolist(),
            largest=counts.largest.tolist(),
            total=counts.total.tolist(),
            most=counts.most,
            natoms=counts.natoms,
            shortest=[(i, j, float(counts.distance[i, j]), int(counts.frame[i, j])) for i, j in pairs],
        )

    def belongs_to(self, system: System, rcut: float, masked: bool) -> bool:
        """Whether a scan of the system with this cutoff would give these counts, if its files are the same."""
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
        counts.most, counts.natoms = self.most, self.natoms
        for i, j, distance, frame in self.shortest:
            counts.distance[[i, j], [j, i]] = distance
            counts.frame[[i, j], [j, i]] = frame
        return counts


class ScanRecord(BaseModel):
    """Content of the file. All numbers of the files with this fingerprint are finite."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int
    fingerprint: str
    neighbours: list[Counts]

    def counts(self, system: System, rcut: float, masked: bool) -> NeighbourCounts | None:
        """Look up the neighbours in the system within `rcut` (A); None where they are not in the file."""
        for known in self.neighbours:
            if known.belongs_to(system, rcut, masked):
                with suppress(ValueError, IndexError):
                    return known.counts()
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
    """Read what is known of a system's present files; None where nothing is."""
    if system.nframes * system.natoms < SMALLEST:
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


def write_record(system: System, counted: Sequence[Counts], before: ScanRecord | None) -> None:
    """Write the results of a scan, with those in `before`, to the first place that can be written to, if any can."""
    if system.nframes * system.natoms < SMALLEST:
        return
    earlier = [] if before is None else before.neighbours
    record = ScanRecord(version=VERSION, fingerprint=fingerprint(system), neighbours=[*counted, *earlier][:MOST_COUNTS])
    for path in _places(system):
        with suppress(OSError, InputError):
            if path.name != NAME:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not system.folder.stat().st_mode & WRITABLE:
                continue
            with output_file(path) as temporary:
                temporary.write_text(record.model_dump_json() + "\n")
            return


def _places(system: System) -> Iterator[Path]:
    yield system.folder / NAME
    with suppress(OSError, RuntimeError):  # no home
        folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not folder.is_absolute():
            folder = Path.home() / ".cache"
        name = hashlib.sha256(os.fsencode(system.folder.resolve())).hexdigest()[:32]
        yield folder / "deepaw" / "scans" / f"{name}.json"
