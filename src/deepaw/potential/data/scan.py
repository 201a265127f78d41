"""Scan of all frames before a training: finite numbers, and the neighbours within each cutoff."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourCounts, frame_neighbours
from deepaw.potential.data.scanrecord import ScanRecord, StoredCounts, read_record, write_record
from deepaw.potential.data.system import System
from deepaw.potential.neighbours.pairs import SAME_PLACE

Progress = Callable[[int, int], None]

PIECE = 10_000
"""Atoms of the frames that a thread takes at a time."""

INTERVAL = 0.1
"""Seconds between two calls of `progress`."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def scan_systems(
    systems: Sequence[System],
    rcuts: Sequence[float],
    progress: Progress | None = None,
    *,
    masked: bool = False,
    keep: bool = True,
) -> list[dict[float, NeighbourCounts]]:
    """Check all numbers of systems with one type map, and count the neighbours within each cutoff (A).

    Frames are read once, on as many threads as torch.get_num_threads(). Results that were kept of unchanged files are
    not computed again. progress: called with the frames scanned so far and all frames to scan, about ten times a
    second. masked: count only atoms whose mask in aparam is 1, without a cell. keep: write the results for next time.

    Returns the counts of each system by cutoff.

    Raises InputError: numbers that are not finite, a cell or coordinates that no neighbour list can be made of, two
    atoms on one spot, where a potential has no forces, or a wrong mask.
    """
    scans = [_Scan(system, rcuts, masked) for system in systems]
    done, total = 0, sum(scan.system.nframes for scan in scans if scan.missing)
    called = time.monotonic()
    pieces = (piece for scan in scans for piece in scan.pieces())
    for piece, counts in _in_order(_count, pieces, torch.get_num_threads()):
        piece.scan.add(piece, counts, keep)
        done += piece.last - piece.first
        if progress is not None and (done == total or time.monotonic() - called >= INTERVAL):
            called = time.monotonic()
            progress(done, total)
    return [scan.counts for scan in scans]


class _Scan:
    """Scan of one system. counts: by cutoff, from the record where it has them; missing: the other cutoffs."""

    def __init__(self, system: System, rcuts: Sequence[float], masked: bool) -> None:
        self.system, self.masked = system, masked
        self.record: ScanRecord | None = read_record(system)
        self.counts: dict[float, NeighbourCounts] = {}
        self.missing: list[float] = []
        for rcut in rcuts:
            counts = None if self.record is None else self.record.counts(system, rcut, masked)
            if counts is None:
                self.missing.append(rcut)
            self.counts[rcut] = counts or NeighbourCounts(len(system.type_map))

    def pieces(self) -> Iterator[_Piece]:
        """Divide the frames, unless nothing is missing."""
        size = max(1, PIECE // self.system.natoms)
        nframes = self.system.nframes if self.missing else 0
        return (_Piece(self, first, min(first + size, nframes)) for first in range(0, nframes, size))

    def add(self, piece: _Piece, counts: Sequence[NeighbourCounts], keep: bool) -> None:
        """Add the counts of the next piece for each missing cutoff; after the last piece write the record."""
        for rcut, part in zip(self.missing, counts, strict=True):
            self.counts[rcut].merge(part)
        if keep and piece.last == self.system.nframes:
            counted = [
                StoredCounts.from_counts(self.counts[rcut], self.system, rcut, self.masked) for rcut in self.missing
            ]
            write_record(self.system, counted, self.record)


@dataclass(frozen=True)
class _Piece:
    """The frames `first` to `last` - 1 of a system."""

    scan: _Scan
    first: int
    last: int


def _count(piece: _Piece) -> tuple[_Piece, list[NeighbourCounts]]:
    """Check the numbers of some frames and count neighbours within each missing cutoff."""
    scan, system = piece.scan, piece.scan.system
    if scan.record is None:
        system.check_numbers(piece.first, piece.last)
    ntypes = len(system.type_map)
    counts = [NeighbourCounts(ntypes) for _ in scan.missing]
    for index in range(piece.first, piece.last):
        frame = system.structure(index)
        if scan.masked:
            frame = frame.masked()
        for rcut, part in zip(scan.missing, counts, strict=True):
            neighbours = frame_neighbours(frame, ntypes, rcut)
            if neighbours.shortest.min() < SAME_PLACE:
                raise InputError(f"{system.name}, frame {index + 1}, has two atoms on one spot; leave the frame out.")
            part.add(neighbours, index)
    return piece, counts


def _in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yield the results of the items in their order. Few are computed ahead; the first error in order is raised."""
    if threads == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(threads, "scan")
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) == 4 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
