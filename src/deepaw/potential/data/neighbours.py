"""How near atoms come to each other in a data set and how many neighbours they have: what `sel` is chosen from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.system import Frame, System
from deepaw.potential.neighbours.celllist import find_neighbours
from deepaw.potential.neighbours.pairs import SAME_PLACE

SEL_FACTOR = 1.1
"""By how much `sel` exceeds the largest count in the data where the input says "auto"."""


@dataclass(frozen=True)
class FrameNeighbours:
    """Of one frame: counts (n, ntypes) int64, neighbours of each type of each atom within the cutoff.

    shortest: (ntypes, ntypes) float64, symmetric, A, the shortest distance between types, inf where there is none.
    """

    counts: np.ndarray
    shortest: np.ndarray


@dataclass(frozen=True)
class Shortest:
    """The shortest distance between two types, A, and the frame, from 0, of the system where it is found."""

    distance: float
    system: str
    frame: int


@dataclass(frozen=True)
class NeighbourStatistics:
    """Of many frames; types are indices into the type map of the systems.

    largest: (ntypes,) int64, the most neighbours of each type that any atom has within rcut (A); most: of all types
    together; mean: (ntypes,), the average over all atoms; shortest: by pair of types, the lower first, those that meet
    within rcut.
    """

    rcut: float
    largest: np.ndarray
    most: int
    mean: np.ndarray
    shortest: dict[tuple[int, int], Shortest]

    @property
    def shortest_distance(self) -> float:
        """A, over all pairs; inf where no atom has a neighbour."""
        return min((each.distance for each in self.shortest.values()), default=float("inf"))

    def sel(self, factor: float = SEL_FACTOR) -> list[int]:
        """Neighbours of each type to count with: the largest count, `with_room`."""
        return [with_room(count, factor) for count in self.largest.tolist()]


def with_room(count: int, factor: float) -> int:
    """`factor` times the count, up to a multiple of 4; as in DeePMD-kit, decimals of the product are cut off first."""
    return 4 * -(-int(factor * count) // 4)


def frame_neighbours(frame: Frame, ntypes: int, rcut: float) -> FrameNeighbours:
    """Count the neighbours of every atom within `rcut` (A), periodic images included."""
    table = find_neighbours(frame.coord, frame.types, ntypes, rcut, [frame.cell]).table(rcut)
    rows = table.rows.numpy()
    shortest = np.full((ntypes, ntypes), np.inf)
    occupied = np.flatnonzero(np.diff(rows))
    if len(occupied):
        squares = np.square(table.vector.numpy()).sum(axis=0)
        nearest = np.sqrt(np.minimum.reduceat(squares, rows[occupied]))
        np.minimum.at(shortest, (frame.types[occupied // ntypes], occupied % ntypes), nearest)
    return FrameNeighbours(table.counts.numpy(), shortest)


class NeighbourCounter:
    """Takes frame after frame."""

    def __init__(self, ntypes: int, rcut: float) -> None:
        self._rcut = rcut
        self._largest = np.zeros(ntypes, dtype=np.int64)
        self._most = 0
        self._total = np.zeros(ntypes, dtype=np.int64)
        self._atoms = 0
        self._shortest: dict[tuple[int, int], Shortest] = {}

    def add(self, found: FrameNeighbours, system: str, frame: int) -> None:
        """The neighbours of a frame, and where it is."""
        self._largest = np.maximum(self._largest, found.counts.max(axis=0))
        self._most = max(self._most, int(found.counts.sum(axis=1).max()))
        self._total += found.counts.sum(axis=0)
        self._atoms += len(found.counts)
        for first, second in np.argwhere(np.triu(np.isfinite(found.shortest))).tolist():
            distance = float(found.shortest[first, second])
            known = self._shortest.get((first, second))
            if known is None or distance < known.distance:
                self._shortest[first, second] = Shortest(distance, system, frame)

    def result(self) -> NeighbourStatistics:
        """Of all frames so far."""
        mean = self._total / max(self._atoms, 1)
        return NeighbourStatistics(self._rcut, self._largest, self._most, mean, dict(sorted(self._shortest.items())))


def neighbour_statistics(
    systems: Sequence[System],
    rcut: float,
    progress: Callable[[int, int], None] | None = None,
    *,
    masked: bool = False,
) -> NeighbourStatistics:
    """Of all frames of systems with one type map.

    progress: called with the frames that are done and all there are. masked: only of atoms that the mask in aparam
    says are there, without a cell.

    Raises InputError: two atoms on one spot, where a potential has no forces.
    """
    ntypes = len(systems[0].type_map)
    counter = NeighbourCounter(ntypes, rcut)
    done, total = 0, sum(system.nframes for system in systems)
    for system in systems:
        for index, frame in enumerate(system.frames()):
            found = frame_neighbours(frame.masked() if masked else frame, ntypes, rcut)
            if found.shortest.min() < SAME_PLACE:
                raise InputError(f"{system.name}, frame {index + 1}, has two atoms on one spot; leave the frame out.")
            counter.add(found, system.name, index)
            done += 1
            if progress is not None:
                progress(done, total)
    return counter.result()
