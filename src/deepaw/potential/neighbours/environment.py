"""Atoms with their neighbours, as flat lists of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Environment:
    """Atoms of one frame, or of several one after the other, and their neighbours within a cutoff.

    types: (natoms,) int64, indices into the type map.
    centre, neighbour: (npairs,) int64, every pair in both directions; a neighbour may be an image of the atom itself.
    vector: (npairs, 3), A, r_neighbour - r_centre, periodic images included.
    """

    types: Tensor
    centre: Tensor
    neighbour: Tensor
    vector: Tensor

    @property
    def natoms(self) -> int:
        """Number of atoms."""
        return len(self.types)

    def select(self, pairs: Tensor) -> Environment:
        """Return the atoms with a subset of the pairs; pairs: a mask or indices."""
        return replace(self, centre=self.centre[pairs], neighbour=self.neighbour[pairs], vector=self.vector[pairs])

    def among(self, atoms: Tensor, types: Tensor) -> Environment:
        """Return an environment of atoms of types (n,), where atom i is atoms[i] and the others have no neighbours."""
        return replace(self, types=types, centre=atoms[self.centre], neighbour=atoms[self.neighbour])

    def counts(self, ntypes: int) -> Tensor:
        """Return the number of neighbours of each type of every atom, (natoms, ntypes) int64."""
        group = self.centre * ntypes + self.types[self.neighbour]
        return torch.bincount(group, minlength=self.natoms * ntypes).view(self.natoms, ntypes)


@dataclass(frozen=True)
class Part:
    """Atoms first ... last - 1 of an environment with all their pairs.

    pairs: indices of the pairs, (n,). env: the atoms, followed by one atom of each type that stands for all neighbours
    of that type and has no pairs.
    """

    first: int
    last: int
    pairs: Tensor
    env: Environment


def parts(env: Environment, ntypes: int, work: Tensor, max_work: int) -> Iterator[Part]:
    """Yield ranges of atoms whose total work is at most `max_work`, or of one atom.

    work: of each atom, (natoms,) int64.
    """
    order = torch.argsort(env.centre, stable=True)
    ends = torch.bincount(env.centre, minlength=env.natoms).cumsum(0)
    total_work = work.cumsum(0)
    first = begin = 0
    while first < env.natoms:
        last = max(
            first + 1, int(torch.searchsorted(total_work, total_work[first] - work[first] + max_work, right=True))
        )
        pairs = order[begin : int(ends[last - 1])]
        types = torch.cat([env.types[first:last], torch.arange(ntypes)])
        neighbour = last - first + env.types[env.neighbour[pairs]]
        yield Part(first, last, pairs, Environment(types, env.centre[pairs] - first, neighbour, env.vector[pairs]))
        first, begin = last, int(ends[last - 1])


def nearest(env: Environment, count: int) -> Environment:
    """Return at most `count` neighbours of every atom, whatever their types, the nearest ones."""
    return _shortest(env, env.centre, torch.full((env.natoms,), count, device=env.centre.device))


def nearest_by_type(env: Environment, sel: Tensor) -> Environment:
    """Return at most sel[t] neighbours of type t for every atom, the nearest ones; sel: (ntypes,)."""
    return _shortest(env, env.centre * len(sel) + env.types[env.neighbour], sel.repeat(env.natoms))


def _shortest(env: Environment, group: Tensor, counts: Tensor) -> Environment:
    """Return the counts[group] shortest pairs of every group; group: of each pair, (npairs,)."""
    if not (torch.bincount(group, minlength=len(counts)) > counts).any():
        return env
    by_distance = torch.argsort(env.vector.detach().norm(dim=-1), stable=True)
    order = by_distance[torch.argsort(group[by_distance], stable=True)]
    grouped = group[order]
    first = torch.searchsorted(grouped, grouped)
    rank = torch.arange(len(order), device=order.device) - first
    return env.select(order[rank < counts[grouped]].sort().values)


def join_environments(environments: Sequence[Environment], order: np.ndarray) -> Environment:
    """Put the atoms of several frames one after the other, then in `order`: atom i was atom order[i]."""
    first = np.cumsum([0, *(env.natoms for env in environments)]).tolist()
    position = torch.from_numpy(np.argsort(order))
    return Environment(
        torch.cat([env.types for env in environments])[torch.from_numpy(order)],
        position[torch.cat([env.centre + start for env, start in zip(environments, first, strict=False)])],
        position[torch.cat([env.neighbour + start for env, start in zip(environments, first, strict=False)])],
        torch.cat([env.vector for env in environments]),
    )
