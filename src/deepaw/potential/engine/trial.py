"""A few atoms on which the spectral form of a model is compared with its equations before it is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment, join_environments
from deepaw.potential.neighbours.pairs import find_environment

GRID = (3, 2, 2)
"""Atoms of one cluster."""

SHAKEN = 0.1
"""How far an atom may be from its place on the grid, along each axis, of the spacing."""

WIDEST = 0.6
"""Of the cutoff: the shortest distance in the widest clusters. Beyond it forces are small, and no atom has more than
these."""

CLUSTERS = 4
"""Of each set of types: from the densest, whose distances are the shortest that occur, to the widest."""

SMALLEST = 1e-12
"""Numbers below this fraction of the largest are nothing but rounding."""


@dataclass(frozen=True)
class Trial:
    """env: atoms sorted by type. cluster: (natoms,) int64, which cluster an atom is of; they do not see each other."""

    env: Environment
    cluster: Tensor

    def deviation(self, found: Tensor, expected: Tensor) -> float:
        """The largest difference of two sets of numbers (natoms, ...), of the largest that is expected in its
        cluster."""
        natoms, clusters = len(expected), int(self.cluster.max()) + 1
        off, size = (
            values.new_zeros(clusters).scatter_reduce(0, self.cluster, values.abs().reshape(natoms, -1).amax(1), "amax")
            for values in (found - expected, expected)
        )
        if not torch.isfinite(off).all():
            return float("inf")
        counted = size > SMALLEST * size.max()
        return float((off[counted] / size[counted]).max()) if counted.any() else 0.0


def trial(ntypes: int, shortest: float, rcut: float) -> Trial:
    """Clusters of atoms of all types, always the same ones; no two atoms are nearer than `shortest` (A)."""
    random = np.random.default_rng(0)
    atoms = int(np.prod(GRID))
    sets = -(-ntypes // atoms)
    widest = max(shortest, WIDEST * rcut)
    grid = np.stack(np.meshgrid(*(np.arange(count) for count in GRID), indexing="ij"), axis=-1).reshape(-1, 3)
    environments = []
    for number in range(sets):
        for spacing in np.geomspace(shortest, widest, CLUSTERS) / (1 - 2 * SHAKEN):
            coord = spacing * (grid + random.uniform(-SHAKEN, SHAKEN, grid.shape))
            types = random.permutation((number * atoms + np.arange(atoms)) % ntypes)
            environments.append(find_environment(coord, None, types, rcut))
    order = np.argsort(np.concatenate([env.types.numpy() for env in environments]), kind="stable")
    cluster = np.arange(len(environments)).repeat(atoms)[order]
    return Trial(join_environments(environments, order), torch.from_numpy(cluster))
