"""Plane waves and grids of Quantum ESPRESSO."""

from __future__ import annotations

from functools import cmp_to_key
from itertools import product
from math import pi

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.density.grid import BOHR
from deepaw.density.planewaves import espresso_grid, miller_indices, reciprocal_vectors
from deepaw.errors import InputError

CELLS = {
    "cubic": [4.2, 4.2, 4.2, 90, 90, 90],
    "hexagonal": [3.2, 3.2, 5.1, 90, 90, 120],
    "monoclinic": [5.117, 5.175, 5.292, 90, 99.2, 90],
}


def structure(name: str) -> Atoms:
    return bulk("Si") if name == "fcc" else Atoms("H", cell=CELLS[name], pbc=True)


def reference(atoms: Atoms, ecutrho: float) -> list[tuple[int, int, int]]:
    """The rule of the program in its own words, one vector at a time: generated, and sorted with a tolerance."""
    alat = np.linalg.norm(atoms.cell.array[0]) / BOHR
    at = atoms.cell.array / BOHR / alat
    bg = np.linalg.inv(at).T
    limit = ecutrho / (2 * pi / alat) ** 2
    size = [int(np.sqrt(limit) * np.linalg.norm(vector)) + 1 for vector in at]
    vectors = []
    for index in product(*(range(-n, n + 1) for n in size)):
        square = float(((np.array(index) @ bg) ** 2).sum())
        if square <= limit:
            vectors.append((square if square > 1e-8 else 0.0, len(vectors), index))

    def before(one, other):
        return one[1] - other[1] if abs(one[0] - other[0]) < 1e-8 else one[0] - other[0]

    return [index for _, _, index in sorted(vectors, key=cmp_to_key(before))]


@pytest.mark.parametrize("name", ["fcc", *CELLS])
def test_number_and_order(name: str) -> None:
    atoms = structure(name)
    indices = miller_indices(atoms, 30.0)
    assert [tuple(row) for row in indices.tolist()] == reference(atoms, 30.0)
    assert not indices[0].any()
    lengths = np.linalg.norm(indices @ reciprocal_vectors(atoms), axis=1)
    assert (np.diff(lengths) > -1e-7).all() and lengths[-1] ** 2 <= 30.0


def test_reciprocal_vectors() -> None:
    atoms = structure("monoclinic")
    assert np.allclose(reciprocal_vectors(atoms) @ (atoms.cell.array / BOHR).T, 2 * pi * np.eye(3))


@pytest.mark.parametrize("name", ["fcc", *CELLS])
def test_the_grid_holds_them(name: str) -> None:
    atoms = structure(name)
    choice = espresso_grid(atoms, 160.0)
    largest = np.abs(miller_indices(atoms, 160.0)).max(axis=0)
    for size, index in zip(choice.shape, largest, strict=True):
        assert 2 * index + 1 <= size <= 1.3 * (2 * index + 3)
        while any(size % factor == 0 for factor in (2, 3, 5)):
            size //= next(factor for factor in (2, 3, 5) if size % factor == 0)
        assert size == 1
    assert "ecutrho = 160 Ry" in choice.source


@pytest.mark.parametrize("ecutrho", [0.0, -30.0, float("nan"), float("inf")])
def test_a_senseless_cutoff(ecutrho: float) -> None:
    with pytest.raises(InputError, match=r"--ecutrho, is .* Ry; it must be a positive number"):
        espresso_grid(bulk("Si"), ecutrho)
