"""Atoms with their neighbours, as flat lists of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Environment:
    """The atoms of one frame, or of several one after the other, and their neighbours within some cutoff.

    types: (natoms,) int64, indices into the type map.
    centre, neighbour: (npairs,) int64, both directions of every pair listed; an atom may neighbour images of itself.
    vector: (npairs, 3), A, r_neighbour - r_centre, periodic images included.
    """

    types: Tensor
    centre: Tensor
    neighbour: Tensor
    vector: Tensor

    @property
    def natoms(self) -> int:
        return len(self.types)

    def select(self, pairs: Tensor) -> Environment:
        """The same atoms with only some of the pairs: a mask or indices."""
        return replace(self, centre=self.centre[pairs], neighbour=self.neighbour[pairs], vector=self.vector[pairs])

    def among(self, atoms: Tensor, types: Tensor) -> Environment:
        """As part of more atoms, of types (n,), where its own are `atoms` and the others have no neighbours."""
        return replace(self, types=types, centre=atoms[self.centre], neighbour=atoms[self.neighbour])

    def counts(self, ntypes: int) -> Tensor:
        """Neighbours of each atom by their type, (natoms, ntypes) int64."""
        group = self.centre * ntypes + self.types[self.neighbour]
        return torch.bincount(group, minlength=self.natoms * ntypes).view(self.natoms, ntypes)


@dataclass(frozen=True)
class Part:
    """Some atoms of an environment with all their pairs.

    first, last: which atoms. pairs: (n,), which pairs. env: those atoms, followed by one atom of each type that stands
    for all neighbours of that type; they have no pairs of their own.
    """

    first: int
    last: int
    pairs: Tensor
    env: Environment


def parts(env: Environment, ntypes: int, work: Tensor, most: int) -> Iterator[Part]:
    """Atoms in order, as many at a time as have no more than `most` work together, but one at least.

    work: (natoms,) int64.
    """
    order = torch.argsort(env.centre, stable=True)
    ends = torch.bincount(env.centre, minlength=env.natoms).cumsum(0)
    done = work.cumsum(0)
    first = before = 0
    while first < env.natoms:
        last = max(first + 1, int(torch.searchsorted(done, done[first] - work[first] + most, right=True)))
        pairs = order[before : int(ends[last - 1])]
        types = torch.cat([env.types[first:last], torch.arange(ntypes)])
        neighbour = last - first + env.types[env.neighbour[pairs]]
        yield Part(first, last, pairs, Environment(types, env.centre[pairs] - first, neighbour, env.vector[pairs]))
        first, before = last, int(ends[last - 1])


def nearest(env: Environment, most: int) -> Environment:
    """At most `most` neighbours of every atom, whatever their types, the nearest ones."""
    return _shortest(env, env.centre, torch.full((env.natoms,), most, device=env.centre.device))


def nearest_by_type(env: Environment, sel: Tensor) -> Environment:
    """At most sel[t] (ntypes,) neighbours of type t for every atom, the nearest ones."""
    return _shortest(env, env.centre * len(sel) + env.types[env.neighbour], sel.repeat(env.natoms))


def _shortest(env: Environment, group: Tensor, most: Tensor) -> Environment:
    """Of the pairs of each group (npairs,), the most[group] shortest."""
    if not (torch.bincount(group, minlength=len(most)) > most).any():
        return env
    by_distance = torch.argsort(env.vector.detach().norm(dim=-1), stable=True)
    order = by_distance[torch.argsort(group[by_distance], stable=True)]
    grouped = group[order]
    first = torch.searchsorted(grouped, grouped)
    rank = torch.arange(len(order), device=order.device) - first
    return env.select(order[rank < most[grouped]].sort().values)


def join_environments(environments: Sequence[Environment], order: np.ndarray) -> Environment:
    """Put the atoms of several frames one after the other, then in `order`: atom i was atom order[i]."""
    first = np.cumsum([0, *(env.natoms for env in environments)]).tolist()
    place = torch.from_numpy(np.argsort(order))
    return Environment(
        torch.cat([env.types for env in environments])[torch.from_numpy(order)],
        place[torch.cat([env.centre + start for env, start in zip(environments, first, strict=False)])],
        place[torch.cat([env.neighbour + start for env, start in zip(environments, first, strict=False)])],
        torch.cat([env.vector for env in environments]),
    )
