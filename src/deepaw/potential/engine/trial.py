"""Small clusters of atoms on which the spectral form of a model is compared with its equations before it is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment, join_environments
from deepaw.potential.neighbours.pairs import find_environment

GRID = (3, 2, 2)
"""Atoms of one cluster along each axis."""

DISPLACEMENT = 0.1
"""Largest displacement of an atom from its grid point along each axis, in units of the spacing."""

WIDEST = 0.6
"""Shortest distance in the widest clusters, in units of the cutoff. At larger distances forces are small."""

CLUSTERS = 4
"""Number of clusters of each set of types, from the densest, with the shortest distances to cover, to the widest."""

SMALLEST = 1e-12
"""Values below this fraction of the largest are rounding errors."""


@dataclass(frozen=True)
class Trial:
    """Clusters without mutual neighbours.

    env: atoms sorted by type. cluster: (natoms,) int64, index of the cluster of each atom.
    """

    env: Environment
    cluster: Tensor

    def deviation(self, values: Tensor, expected: Tensor) -> float:
        """Return the largest error of values (natoms, ...), relative to the largest expected value of its cluster."""
        natoms, clusters = len(expected), int(self.cluster.max()) + 1
        error, size = (
            rows.new_zeros(clusters).scatter_reduce(0, self.cluster, rows.abs().reshape(natoms, -1).amax(1), "amax")
            for rows in (values - expected, expected)
        )
        if not torch.isfinite(error).all():
            return float("inf")
        significant = size > SMALLEST * size.max()
        return float((error[significant] / size[significant]).max()) if significant.any() else 0.0


def make_trial(ntypes: int, shortest: float, rcut: float) -> Trial:
    """Return clusters of atoms of all types, from a fixed seed; no two atoms are closer than `shortest` (A)."""
    random = np.random.default_rng(0)
    atoms = int(np.prod(GRID))
    sets = -(-ntypes // atoms)
    widest = max(shortest, WIDEST * rcut)
    grid = np.stack(np.meshgrid(*(np.arange(count) for count in GRID), indexing="ij"), axis=-1).reshape(-1, 3)
    environments = []
    for number in range(sets):
        for spacing in np.geomspace(shortest, widest, CLUSTERS) / (1 - 2 * DISPLACEMENT):
            coord = spacing * (grid + random.uniform(-DISPLACEMENT, DISPLACEMENT, grid.shape))
            types = random.permutation((number * atoms + np.arange(atoms)) % ntypes)
            environments.append(find_environment(coord, None, types, rcut))
    order = np.argsort(np.concatenate([env.types.numpy() for env in environments]), kind="stable")
    cluster = np.arange(len(environments)).repeat(atoms)[order]
    return Trial(join_environments(environments, order), torch.from_numpy(cluster))
