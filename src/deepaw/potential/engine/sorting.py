"""Atoms of frames sorted by type, with their neighbours, from lists that are kept while atoms move little."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from vesin import NeighborList

from deepaw.errors import InputError
from deepaw.potential.engine.frames import Frame, joined
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import SAME_PLACE, reach


@dataclass(frozen=True, eq=False)
class SortedAtoms:
    """Of one frame, or of several one after the other: atom i was atom order[i].

    distances: (npairs,), A, of the pairs of `env`. fparam: (natoms, numb_fparam), that of each atom's frame, and
    aparam: (natoms, numb_aparam), or None where they were not given.
    """

    order: np.ndarray
    env: Environment
    distances: Tensor
    fparam: Tensor | None
    aparam: Tensor | None

    @property
    def back(self) -> Tensor:
        """Where the atoms are now, in the order that they had."""
        return torch.from_numpy(np.argsort(self.order))

    def numbers(self, pair: int) -> tuple[int, int]:
        """Those of a pair's atoms, from 1, as they were given."""
        first, second = sorted(int(self.order[each[pair]]) + 1 for each in (self.env.centre, self.env.neighbour))
        return first, second


class AtomSorter:
    """Finds the pairs that are within the cutoff of a model.

    skin: A; lists reach that much further and are kept until an atom has moved by half of it.
    """

    def __init__(self, model: AtomicModel, skin: float) -> None:
        self._model, self._skin = model, skin
        self._list = self._list_within(model.rcut)
        self._warned_cell = False

    def of_frame(self, frame: Frame) -> SortedAtoms:
        """The pairs are lent until the next ones are asked for.

        Raises InputError: two atoms on one spot.
        """
        order = np.argsort(frame.types, kind="stable")
        in_order = replace(
            frame,
            coord=frame.coord[order],
            types=frame.types[order],
            aparam=None if frame.aparam is None else frame.aparam[order],
        )
        return _checked(SortedAtoms(order, *self._pairs(in_order), *_parameters(in_order)))

    def of_frames(self, frames: Sequence[Frame]) -> SortedAtoms:
        """Of all of them, which may differ in everything but which parameters they have. Errors as of `of_frame`."""
        alone = []
        for frame in frames:
            env, distances = self._pairs(frame)
            env = replace(env, **{name: getattr(env, name).clone() for name in ("centre", "neighbour", "vector")})
            alone.append(_checked(SortedAtoms(np.arange(env.natoms), env, distances, *_parameters(frame))))
        order = np.argsort(np.concatenate([frame.types for frame in frames]), kind="stable")
        return SortedAtoms(
            order,
            joined([each.env for each in alone], order),
            torch.cat([each.distances for each in alone]),
            _gathered([each.fparam for each in alone], order),
            _gathered([each.aparam for each in alone], order),
        )

    def _pairs(self, frame: Frame) -> tuple[Environment, Tensor]:
        """Those within the cutoff, and their distances."""
        if self._model.config.is_masked:
            if frame.cell is not None and not self._warned_cell:
                self._warned_cell = True
                warnings.warn("the cell is passed over; se_a_mask has none", stacklevel=4)
            env = self._model.environment(frame.coord, None, frame.types, frame.aparam)
        else:
            cutoff = reach(frame.coord, frame.cell, self._model.rcut)
            if cutoff != self._list.cutoff:
                self._list = self._list_within(cutoff)
            centre, neighbour, vector = self._list.compute(
                points=np.ascontiguousarray(frame.coord, dtype=np.float64),
                box=np.zeros((3, 3)) if frame.cell is None else np.ascontiguousarray(frame.cell, dtype=np.float64),
                periodic=False if frame.cell is None else np.array(frame.periodic, dtype=bool),
                quantities="ijD",
                copy=False,
            )
            env = Environment(
                torch.from_numpy(np.asarray(frame.types, dtype=np.int64)),
                torch.from_numpy(centre.view(np.int64)),
                torch.from_numpy(neighbour.view(np.int64)),
                torch.from_numpy(vector),
            )
        return env, torch.linalg.vector_norm(env.vector, dim=1)

    def _list_within(self, cutoff: float) -> NeighborList:
        return NeighborList(cutoff=cutoff, full_list=True, skin=self._skin, n_threads=torch.get_num_threads())


def _checked(atoms: SortedAtoms) -> SortedAtoms:
    """The same atoms. Raises InputError: two of them on one spot."""
    if len(atoms.distances) and float(atoms.distances.min()) < SAME_PLACE:
        first, second = atoms.numbers(int(atoms.distances.argmin()))
        raise InputError(
            f"atoms {first} and {second} are on one spot, perhaps as periodic images; no forces are defined there."
        )
    return atoms


def _parameters(frame: Frame) -> tuple[Tensor | None, Tensor | None]:
    """fparam and aparam of each atom."""
    natoms = len(frame.types)
    return (
        None if frame.fparam is None else torch.tensor(frame.fparam).reshape(1, -1).expand(natoms, -1),
        None if frame.aparam is None else torch.from_numpy(frame.aparam),
    )


def _gathered(parameters: Sequence[Tensor | None], order: np.ndarray) -> Tensor | None:
    """Those of the atoms of all frames, sorted."""
    given = [each for each in parameters if each is not None]
    return torch.cat(given)[torch.from_numpy(order)] if given else None
