"""Neighbours of the atoms of an evaluation, for one range of atoms at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.engine.sorting import SortedAtoms
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.celllist import NeighbourList
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.table import NeighbourTable


class Neighbourhood:
    """Neighbours for each part of a descriptor.

    Vectors are gathered from a neighbour list, for the atoms of one tile. If a part drops pairs, tables of all atoms
    are used instead.

    types: of all atoms, (natoms,) int64. max_neighbours: the largest number of neighbours of an atom.
    """

    def __init__(
        self,
        types: Tensor,
        rcut: float,
        neighbours: NeighbourList | None,
        tables: Sequence[NeighbourTable],
        parts: int,
    ) -> None:
        self.types, self._rcut, self._parts = types, rcut, parts
        self._list, self._tables = neighbours, tables
        counts = [source.counts.sum(1) for source in ([neighbours] if neighbours is not None else tables)]
        self.max_neighbours = max((int(count.max()) for count in counts if len(count)), default=0)

    def tables(self, first: int, last: int, dtype: torch.dtype) -> list[NeighbourTable]:
        """Return the neighbours of atoms first ... last - 1 for each part; parts with equal ones share a table."""
        if self._list is not None:
            return [self._list.gather(first, last, self._rcut, dtype)] * self._parts
        shares = {id(table): table.share(first, last).cast(dtype) for table in self._tables}
        return [shares[id(table)] for table in self._tables]


def make_neighbourhood(model: AtomicModel, atoms: SortedAtoms) -> Neighbourhood:
    """Return the neighbours that a model sees of sorted atoms."""
    neighbours, parts = atoms.neighbours, len(model.descriptor.parts)
    if neighbours is not None:
        if model.keeps(neighbours.counts):
            return Neighbourhood(neighbours.types, model.rcut, neighbours, [], parts)
        # a list with a skin counts atoms beyond the cutoff, too
        table = neighbours.table(model.rcut)
        if model.keeps(table.counts):
            return Neighbourhood(neighbours.types, model.rcut, None, [table] * parts, parts)
    return neighbourhood_from_pairs(model, atoms.env)


def neighbourhood_from_pairs(model: AtomicModel, env: Environment) -> Neighbourhood:
    """Return the neighbours that a model sees, from all pairs within its cutoff of atoms sorted by type."""
    return Neighbourhood(env.types, model.rcut, None, model.visible_tables(env), len(model.descriptor.parts))
