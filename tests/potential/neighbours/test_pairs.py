"""Environments against a loop over all images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepaw.potential.neighbours.pairs import find_environment
from potential.structures import crowd


@pytest.mark.parametrize("rcut", [2.0, 6.0])
@pytest.mark.parametrize("periodic", [True, False])
def test_all_images_within_the_cutoff(rcut: float, periodic: bool) -> None:
    """Pairs in a cell shorter than the larger cutoff, of atoms inside and outside."""
    structure = crowd(2)
    shifts = np.random.default_rng(0).integers(-2, 3, (7, 3)) @ structure.cells if periodic else 0
    coord = structure.coord + shifts
    env = find_environment(coord, structure.cell if periodic else None, structure.types, rcut)
    images = (np.array(list(np.ndindex(13, 13, 13))) - 6) @ structure.cells if periodic else np.zeros((1, 3))
    expected = []
    for i in range(7):
        for j in range(7):
            vectors = coord[j] - coord[i] + images
            length = np.linalg.norm(vectors, axis=1)
            expected += [(i, j, *vector) for vector in vectors[(length < rcut) & (length > 1e-9)]]
    actual = np.column_stack([env.centre, env.neighbour, env.vector])
    assert len(actual) == len(expected)
    key = [np.lexsort(np.round(rows, 6).T[::-1]) for rows in (actual, np.array(expected))]
    np.testing.assert_allclose(actual[key[0]], np.array(expected)[key[1]], rtol=0, atol=1e-9)
    assert torch.equal(env.types, torch.from_numpy(structure.types))
    assert env.vector.dtype == torch.float64 and env.centre.dtype == torch.int64


def test_an_atom_alone() -> None:
    env = find_environment(np.zeros((1, 3)), None, np.array([0]), 6.0)
    assert env.natoms == 1 and len(env.centre) == 0 and env.vector.shape == (0, 3)
