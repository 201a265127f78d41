"""Neighbour lists whose pairs stay fixed while atoms move a little: by cells of the compiled library, or by vesin."""

from __future__ import annotations

import ctypes
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from vesin import NeighborList as VesinNeighborList

from deepaw.errors import InputError
from deepaw.native.library import address, find_library
from deepaw.potential.neighbours.table import NeighbourTable

_BYTES = {torch.float32: 4, torch.float64: 8}


class NeighbourList(ABC):
    """All pairs of atoms within a cutoff, grouped by centre and by type of the neighbour.

    types: (natoms,) int64, sorted. ntypes: number of types of the model.
    rows: (natoms * ntypes + 1,) int64, as in `NeighbourTable`.
    neighbour: (npairs,) int32.
    """

    types: Tensor
    ntypes: int
    rows: Tensor
    neighbour: Tensor
    handle: int | None = None
    """Address of the list in the compiled library."""

    @property
    def natoms(self) -> int:
        """Number of atoms."""
        return len(self.types)

    @property
    def counts(self) -> Tensor:
        """Number of neighbours of each type, (natoms, ntypes) int64."""
        return self.rows.diff().view(self.natoms, self.ntypes)

    @abstractmethod
    def move(self, coord: np.ndarray) -> None:
        """Move the atoms to (natoms, 3), A; the pairs stay."""

    @abstractmethod
    def shortest(self) -> tuple[float, tuple[int, int]]:
        """Return the shortest distance where the atoms are now, A, inf where there are no pairs, and its atoms."""

    @abstractmethod
    def gather(self, first: int, last: int, cutoff: float, dtype: torch.dtype) -> NeighbourTable:
        """Neighbours of atoms first ... last - 1 that are within `cutoff` (A) where the atoms are now."""

    def table(self, cutoff: float, dtype: torch.dtype = torch.float64) -> NeighbourTable:
        """Neighbours of all atoms."""
        return self.gather(0, self.natoms, cutoff, dtype)


def find_neighbours(
    coord: np.ndarray,
    types: np.ndarray,
    ntypes: int,
    cutoff: float,
    cells: Sequence[np.ndarray | None],
    periodic: Sequence[Sequence[bool]] | None = None,
    frame: np.ndarray | None = None,
) -> NeighbourList:
    """Find all pairs within `cutoff` (A) of one frame, or of several whose atoms do not see each other.

    coord: (natoms, 3), A, anywhere, inside the cell or not. types: (natoms,), sorted.
    cells: for each frame (3, 3), A, rows are vectors, any size, smaller than the cutoff too; None without periodicity.
    periodic: for each frame, along which vectors; by default all of them. frame: (natoms,), the frame of each atom.

    Raises InputError: coordinates or cells that no list can be made of.
    """
    coord = np.ascontiguousarray(coord, dtype=np.float64)
    directions = [(True, True, True)] * len(cells) if periodic is None else periodic
    flags = [[cell is not None and bool(flag) for flag in along] for cell, along in zip(cells, directions, strict=True)]
    if all(cell is None for cell in cells) and len(coord):
        cutoff = reach(coord, cutoff)
    library = find_library()
    if library is not None:
        return _CompiledList(library, coord, types, ntypes, cutoff, cells, flags, frame)
    return _VesinList(coord, types, ntypes, cutoff, cells, flags, frame)


def reach(coord: np.ndarray, cutoff: float) -> float:
    """Return the cutoff, A, or for atoms without a cell that are all nearer a power of 2 that includes the same pairs.

    Lists with a cutoff much larger than the extent of the atoms are slow.
    """
    farthest = 1.0 + float(np.linalg.norm(np.ptp(coord, axis=0)))
    return min(cutoff, 2.0 ** math.ceil(math.log2(min(farthest, 2 * cutoff))))


class _CompiledList(NeighbourList):
    """Neighbour list of the compiled library (`deepaw_list`)."""

    def __init__(
        self,
        library: ctypes.CDLL,
        coord: np.ndarray,
        types: np.ndarray,
        ntypes: int,
        cutoff: float,
        cells: Sequence[np.ndarray | None],
        periodic: Sequence[Sequence[bool]],
        frame: np.ndarray | None,
    ) -> None:
        self._library = library
        self.types = torch.from_numpy(np.ascontiguousarray(types, dtype=np.int64))
        self.ntypes = ntypes
        kinds = np.ascontiguousarray(types, dtype=np.int32)
        boxes = np.array([np.eye(3) if cell is None else cell for cell in cells], dtype=np.float64)
        along = np.array(periodic, dtype=np.uint8)
        frames = None if frame is None else np.ascontiguousarray(frame, dtype=np.int32)
        handle = library.deepaw_list_build(
            len(coord),
            coord.ctypes.data,
            kinds.ctypes.data,
            ntypes,
            len(cells),
            None if frames is None else frames.ctypes.data,
            boxes.ctypes.data,
            along.ctypes.data,
            cutoff,
            torch.get_num_threads(),
        )
        if not handle:
            raise InputError(
                f"no neighbours of {len(coord)} atoms can be found within {cutoff:g} A: a coordinate or cell vector is "
                "not finite or absurdly large, a cell has no volume, or there is not enough memory."
            )
        self.handle = handle
        weakref.finalize(self, library.deepaw_list_free, handle)
        pairs = library.deepaw_list_pairs(handle)
        # views of memory of the list, which has to live as long
        rows = (ctypes.c_int64 * (len(coord) * ntypes + 1)).from_address(library.deepaw_list_rows(handle))
        self.rows = torch.from_numpy(np.ctypeslib.as_array(rows))
        self.neighbour = torch.empty(0, dtype=torch.int32)
        if pairs:
            numbers = (ctypes.c_int32 * pairs).from_address(library.deepaw_list_neighbour(handle))
            self.neighbour = torch.from_numpy(np.ctypeslib.as_array(numbers))

    def move(self, coord: np.ndarray) -> None:
        coord = np.ascontiguousarray(coord, dtype=np.float64)
        self._library.deepaw_list_move(self.handle, coord.ctypes.data)

    def shortest(self) -> tuple[float, tuple[int, int]]:
        pair = np.zeros(2, dtype=np.int64)
        distance = self._library.deepaw_list_shortest(self.handle, pair.ctypes.data)
        return distance, (int(pair[0]), int(pair[1]))

    def gather(self, first: int, last: int, cutoff: float, dtype: torch.dtype) -> NeighbourTable:
        begin, end = (int(self.rows[atom * self.ntypes]) for atom in (first, last))
        rows = torch.empty((last - first) * self.ntypes + 1, dtype=torch.int64)
        neighbour = torch.empty(end - begin, dtype=torch.int32)
        vector = torch.empty(3, end - begin, dtype=dtype)
        pairs = self._library.deepaw_list_gather(
            self.handle,
            first,
            last,
            cutoff,
            end - begin,
            address(rows),
            address(neighbour),
            address(vector),
            _BYTES[dtype],
        )
        return NeighbourTable(self.types[first:last], rows, neighbour[:pairs], vector[:, :pairs], self.ntypes, first)


class _VesinList(NeighbourList):
    """Neighbour list of vesin, without the compiled library."""

    def __init__(
        self,
        coord: np.ndarray,
        types: np.ndarray,
        ntypes: int,
        cutoff: float,
        cells: Sequence[np.ndarray | None],
        periodic: Sequence[Sequence[bool]],
        frame: np.ndarray | None,
    ) -> None:
        self.types = torch.from_numpy(np.ascontiguousarray(types, dtype=np.int64))
        self.ntypes = ntypes
        frames = np.zeros(len(coord), dtype=np.int64) if frame is None else np.asarray(frame, dtype=np.int64)
        centres, neighbours, shifts = [], [], []
        for number, (cell, along) in enumerate(zip(cells, periodic, strict=True)):
            atoms = np.flatnonzero(frames == number)
            box = np.zeros((3, 3)) if cell is None else np.ascontiguousarray(cell, dtype=np.float64)
            search = VesinNeighborList(cutoff=cutoff, full_list=True, n_threads=torch.get_num_threads())
            first, second, image = search.compute(
                points=coord[atoms], box=box, periodic=np.array(along, dtype=bool), quantities="ijS"
            )
            centres.append(atoms[first.astype(np.int64)])
            neighbours.append(atoms[second.astype(np.int64)])
            shifts.append(image.astype(np.float64) @ box)
        centre, neighbour = np.concatenate(centres), np.concatenate(neighbours)
        group = centre * ntypes + np.asarray(types, dtype=np.int64)[neighbour]
        order = np.argsort(group, kind="stable")
        rows = np.zeros(len(coord) * ntypes + 1, dtype=np.int64)
        np.cumsum(np.bincount(group, minlength=len(coord) * ntypes), out=rows[1:])
        self.rows = torch.from_numpy(rows)
        self.neighbour = torch.from_numpy(neighbour[order].astype(np.int32))
        self._centre = centre[order]
        self._shift = np.concatenate(shifts)[order]
        self._coord = coord

    def move(self, coord: np.ndarray) -> None:
        self._coord = np.asarray(coord, dtype=np.float64)

    def shortest(self) -> tuple[float, tuple[int, int]]:
        if len(self._centre) == 0:
            return math.inf, (0, 0)
        distance = np.linalg.norm(self._vectors(0, len(self._centre)), axis=1)
        pair = int(distance.argmin())
        return float(distance[pair]), (int(self._centre[pair]), int(self.neighbour[pair]))

    def gather(self, first: int, last: int, cutoff: float, dtype: torch.dtype) -> NeighbourTable:
        begin, end = (int(self.rows[atom * self.ntypes]) for atom in (first, last))
        vector = self._vectors(begin, end)
        near = np.square(vector).sum(axis=1) <= cutoff**2
        pairs_before = np.concatenate([[0], np.cumsum(near)])
        rows = pairs_before[(self.rows[first * self.ntypes : last * self.ntypes + 1] - begin).numpy()]
        return NeighbourTable(
            self.types[first:last],
            torch.from_numpy(rows),
            self.neighbour[begin:end][torch.from_numpy(near)],
            torch.from_numpy(np.ascontiguousarray(vector[near].T)).to(dtype),
            self.ntypes,
            first,
        )

    def _vectors(self, begin: int, end: int) -> np.ndarray:
        """Vectors of pairs begin ... end - 1, (n, 3)."""
        neighbour = self.neighbour[begin:end].numpy()
        vectors: np.ndarray = self._coord[neighbour] - self._coord[self._centre[begin:end]] + self._shift[begin:end]
        return vectors
