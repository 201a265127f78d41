"""Atoms of frames sorted by type, with their neighbours, from lists that are kept while atoms move little."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.engine.frames import Frame
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.celllist import NeighbourList, find_neighbours
from deepaw.potential.neighbours.environment import Environment, join_environments
from deepaw.potential.neighbours.pairs import SAME_PLACE


@dataclass(frozen=True, eq=False)
class SortedAtoms:
    """Atoms of one frame, or of several one after the other: atom i was atom order[i], number numbers[i] of its frame.

    neighbours: list that may reach beyond rcut (A), or None where `pairs` are given.
    pairs: those of a model without a cutoff.
    fparam: (natoms, numb_fparam), that of each atom's frame, and aparam: (natoms, numb_aparam), or None.
    """

    order: np.ndarray
    numbers: np.ndarray
    rcut: float
    neighbours: NeighbourList | None
    pairs: Environment | None
    fparam: Tensor | None
    aparam: Tensor | None

    @property
    def natoms(self) -> int:
        """Number of atoms."""
        return len(self.order)

    @cached_property
    def env(self) -> Environment:
        """All pairs within the cutoff as a flat list, float64."""
        if self.pairs is not None:
            return self.pairs
        assert self.neighbours is not None
        table = self.neighbours.table(self.rcut)
        return Environment(table.types, table.centre, table.neighbour.long(), table.vector.T)

    @cached_property
    def distances(self) -> Tensor:
        """Lengths of the pairs of `env`, (npairs,), A."""
        return torch.linalg.vector_norm(self.env.vector, dim=1)

    @cached_property
    def shortest(self) -> tuple[float, tuple[int, int]]:
        """The shortest distance, A, inf where there are no pairs, and the numbers of its atoms, from 1, as given."""
        if self.neighbours is None:
            return self.shortest_of(self.distances)
        distance, pair = self.neighbours.shortest()
        return distance, self._numbers(*pair)

    def shortest_of(self, distances: Tensor) -> tuple[float, tuple[int, int]]:
        """The same of given distances of the pairs of `env`, (npairs,)."""
        if len(distances) == 0:
            return float("inf"), (0, 0)
        closest = int(distances.argmin())
        pair = int(self.env.centre[closest]), int(self.env.neighbour[closest])
        return float(distances[closest]), self._numbers(*pair)

    def _numbers(self, one: int, other: int) -> tuple[int, int]:
        """Numbers of two atoms, from 1, as they were given, the lower first."""
        first, second = sorted((int(self.numbers[one]) + 1, int(self.numbers[other]) + 1))
        return first, second

    @property
    def back(self) -> Tensor:
        """Where the atoms are now, in the order that they had."""
        return torch.from_numpy(np.argsort(self.order))


class AtomSorter:
    """Sorts atoms and finds the pairs that are within the cutoff of a model.

    skin: A; lists reach that much further and are kept until an atom has moved by half of it.
    """

    def __init__(self, model: AtomicModel, skin: float) -> None:
        self._model, self._skin = model, skin
        self._listed: tuple[Frame, np.ndarray, NeighbourList] | None = None
        self._warned_cell = False

    def of_frame(self, frame: Frame) -> SortedAtoms:
        """Sort the atoms of one frame. Raises InputError: two atoms on one spot."""
        if self._model.config.is_masked:
            return self.of_frames([frame])
        order = np.argsort(frame.types, kind="stable")
        coord, types = frame.coord[order], frame.types[order]
        neighbours = self._kept_list(frame, coord, types)
        if neighbours is None:
            cutoff = self._model.rcut + self._skin
            ntypes = len(self._model.type_map)
            neighbours = find_neighbours(coord, types, ntypes, cutoff, [frame.cell], [frame.periodic])
            if self._skin:
                self._listed = (frame, coord, neighbours)
        return _checked(SortedAtoms(order, order, self._model.rcut, neighbours, None, *_parameters([frame], order)))

    def of_frames(self, frames: Sequence[Frame]) -> SortedAtoms:
        """Sort the atoms of several frames, which may differ in everything but which parameters they have.

        Raises InputError: two atoms on one spot.
        """
        types = np.concatenate([frame.types for frame in frames])
        order = np.argsort(types, kind="stable")
        parameters = _parameters(frames, order)
        numbers = np.concatenate([np.arange(len(frame.types)) for frame in frames])[order]
        if self._model.config.is_masked:
            pairs = join_environments([self._cluster(frame) for frame in frames], order)
            return _checked(SortedAtoms(order, numbers, self._model.rcut, None, pairs, *parameters))
        frame_index = np.repeat(np.arange(len(frames)), [len(frame.types) for frame in frames])
        neighbours = find_neighbours(
            np.concatenate([frame.coord for frame in frames])[order],
            types[order],
            len(self._model.type_map),
            self._model.rcut,
            [frame.cell for frame in frames],
            [frame.periodic for frame in frames],
            frame_index[order],
        )
        return _checked(SortedAtoms(order, numbers, self._model.rcut, neighbours, None, *parameters))

    def _kept_list(self, frame: Frame, coord: np.ndarray, types: np.ndarray) -> NeighbourList | None:
        """Return the last list with the atoms where they are now, if these have moved by less than half the skin."""
        if self._listed is None:
            return None
        before, before_coord, neighbours = self._listed
        fits = (
            len(before_coord) == len(coord)
            and _equal(before.cell, frame.cell)
            and tuple(before.periodic) == tuple(frame.periodic)
            and np.array_equal(neighbours.types.numpy(), types)
        )
        if not fits or np.square(coord - before_coord).sum(axis=1).max(initial=0.0) >= (self._skin / 2) ** 2:
            return None
        neighbours.move(coord)
        return neighbours

    def _cluster(self, frame: Frame) -> Environment:
        if frame.cell is not None and not self._warned_cell:
            self._warned_cell = True
            warnings.warn("the cell is passed over; se_a_mask has none", stacklevel=5)
        return self._model.environment(frame.coord, None, frame.types, frame.aparam)


def _checked(atoms: SortedAtoms) -> SortedAtoms:
    """Return the same atoms. Raises InputError: two of them on one spot."""
    distance, (first, second) = atoms.shortest
    if distance < SAME_PLACE:
        raise InputError(
            f"atoms {first} and {second} are on one spot, perhaps as periodic images; no forces are defined there."
        )
    return atoms


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _parameters(frames: Sequence[Frame], order: np.ndarray) -> tuple[Tensor | None, Tensor | None]:
    """Return fparam and aparam of each atom, sorted, or None where they were not given."""
    fparams: Any = [frame.fparam for frame in frames]
    aparams: Any = [frame.aparam for frame in frames]
    fparam = aparam = None
    if fparams[0] is not None:
        sizes = [len(frame.types) for frame in frames]
        rows = [np.tile(np.reshape(values, (1, -1)), (n, 1)) for values, n in zip(fparams, sizes, strict=True)]
        fparam = torch.from_numpy(np.concatenate(rows)[order])
    if aparams[0] is not None:
        aparam = torch.from_numpy(np.concatenate(aparams)[order])
    return fparam, aparam
