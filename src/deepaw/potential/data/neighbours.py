"""Neighbour counts and shortest distances in a data set: what `sel` is chosen from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deepaw.potential.data.system import Frame
from deepaw.potential.neighbours.celllist import find_neighbours

SEL_FACTOR = 1.1
"""Ratio of `sel` to the largest count in the data where the input says "auto"."""


@dataclass(frozen=True)
class FrameNeighbours:
    """Neighbours within a cutoff in one frame.

    counts: (natoms, ntypes) int64, neighbours of each type that each atom has; shortest: (ntypes, ntypes) float64, A,
    symmetric, the shortest distance between two types, inf where there is none.
    """

    counts: np.ndarray
    shortest: np.ndarray


@dataclass(frozen=True)
class Shortest:
    """The shortest distance between two types, A, and the frame, from 0, of the system that has it."""

    distance: float
    system: str
    frame: int


@dataclass(frozen=True)
class NeighbourStatistics:
    """Neighbours within a cutoff in many frames; types are indices into the type map of the systems.

    rcut: A; largest: (ntypes,) int64, the most neighbours of each type that any atom has; most: of all types together;
    mean: (ntypes,) float64, the average over all atoms; shortest: by pair of types, the lower first, of the pairs that
    meet within rcut.
    """

    rcut: float
    largest: np.ndarray
    most: int
    mean: np.ndarray
    shortest: dict[tuple[int, int], Shortest]

    @property
    def shortest_distance(self) -> float:
        """The shortest distance between any two atoms, A; inf where no atom has a neighbour."""
        return min((pair.distance for pair in self.shortest.values()), default=float("inf"))

    def sel(self, factor: float = SEL_FACTOR) -> list[int]:
        """Return `sel`: the largest count of each type, `with_room`."""
        return [with_room(count, factor) for count in self.largest.tolist()]


def with_room(count: int, factor: float) -> int:
    """Return `factor` times the count, rounded up to a multiple of 4. As in DeePMD-kit, decimals of the product are cut
    off first."""
    return 4 * -(-int(factor * count) // 4)


def frame_neighbours(frame: Frame, ntypes: int, rcut: float) -> FrameNeighbours:
    """Find the neighbours of every atom within `rcut` (A), periodic images counted.

    Called from several threads at once, each with frames of its own.
    """
    table = find_neighbours(frame.coord, frame.types, ntypes, rcut, [frame.cell]).table(rcut)
    rows = table.rows.numpy()
    shortest = np.full((ntypes, ntypes), np.inf)
    occupied = np.flatnonzero(np.diff(rows))
    if len(occupied):
        squares = np.square(table.vector.numpy()).sum(axis=0)
        nearest = np.sqrt(np.minimum.reduceat(squares, rows[occupied]))
        np.minimum.at(shortest, (frame.types[occupied // ntypes], occupied % ntypes), nearest)
    return FrameNeighbours(table.counts.numpy(), shortest)


class NeighbourCounts:
    """Neighbours within a cutoff in the frames of one system, added up frame by frame.

    largest, total: (ntypes,) int64, the most neighbours of each type that an atom has, and their sum over all atoms;
    most: the most neighbours of all types that an atom has; natoms: atoms of all frames; distance: (ntypes, ntypes)
    float64, A, symmetric, the shortest between two types, inf where there is none; frame: (ntypes, ntypes) int64, the
    first frame that has it.
    """

    def __init__(self, ntypes: int) -> None:
        self.largest = np.zeros(ntypes, dtype=np.int64)
        self.total = np.zeros(ntypes, dtype=np.int64)
        self.most = self.natoms = 0
        self.distance = np.full((ntypes, ntypes), np.inf)
        self.frame = np.zeros((ntypes, ntypes), dtype=np.int64)

    def add(self, neighbours: FrameNeighbours, frame: int) -> None:
        """Add the neighbours in the frame `frame`, from 0."""
        counts = neighbours.counts
        np.maximum(self.largest, counts.max(axis=0), out=self.largest)
        self.total += counts.sum(axis=0)
        self.most = max(self.most, int((counts @ np.ones(counts.shape[1], dtype=np.int64)).max()))
        self.natoms += len(counts)
        self._shorten(neighbours.shortest, frame)

    def merge(self, later: NeighbourCounts) -> None:
        """Add the counts over frames that come after those here."""
        np.maximum(self.largest, later.largest, out=self.largest)
        self.total += later.total
        self.most = max(self.most, later.most)
        self.natoms += later.natoms
        self._shorten(later.distance, later.frame)

    def _shorten(self, distance: np.ndarray, frame: np.ndarray | int) -> None:
        is_shorter = distance < self.distance
        if is_shorter.any():
            self.distance = np.where(is_shorter, distance, self.distance)
            self.frame = np.where(is_shorter, frame, self.frame)


def neighbour_statistics(
    rcut: float, ntypes: int, systems: Iterable[tuple[str, NeighbourCounts]]
) -> NeighbourStatistics:
    """Combine the counts within `rcut` (A) of systems, each with its name."""
    total = NeighbourCounts(ntypes)
    names = np.full((ntypes, ntypes), "", dtype=object)
    for name, counts in systems:
        names[counts.distance < total.distance] = name
        total.merge(counts)
    shortest = {
        (first, second): Shortest(
            float(total.distance[first, second]), names[first, second], int(total.frame[first, second])
        )
        for first, second in np.argwhere(np.triu(np.isfinite(total.distance))).tolist()
    }
    mean = total.total / max(total.natoms, 1)
    return NeighbourStatistics(rcut, total.largest, total.most, mean, shortest)
