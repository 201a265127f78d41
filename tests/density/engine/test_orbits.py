import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from deepaw.density.engine.orbits import find_orbits

FLUORITE = crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)
RUTILE = crystal(["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.59, 4.59, 2.96, 90, 90, 90])
MONOCLINIC = crystal(
    ["Hf", "O", "O"],
    [(0.276, 0.04, 0.208), (0.07, 0.332, 0.345), (0.449, 0.758, 0.48)],
    spacegroup=14,
    cellpar=[5.12, 5.17, 5.29, 90, 99.2, 90],
)


@pytest.mark.parametrize(
    ("atoms", "shape", "count"),
    [
        (FLUORITE, (40, 40, 40), 506),
        (MONOCLINIC, (20, 20, 20), 2002),
        (bulk("Si", cubic=True), (72, 72, 72), 2299),
        (RUTILE, (72, 72, 48), 16663),
    ],
)
def test_number_of_orbits(atoms: Atoms, shape: tuple[int, int, int], count: int) -> None:
    orbits = find_orbits(atoms, shape)
    assert orbits is not None and len(orbits.representatives) == count
    assert np.array_equal(orbits.orbit[orbits.representatives], np.arange(count))
    assert np.array_equal(np.unique(orbits.orbit), np.arange(count))


def _invariants(atoms: Atoms, shape: tuple[int, int, int]) -> np.ndarray:
    """Per grid point a few numbers that any symmetry keeps: sums over atoms of a function of element and distance."""
    grid = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    numbers = np.zeros((len(grid), 2))
    for shift in np.stack(np.meshgrid(*[[-2, -1, 0, 1, 2]] * 3), axis=-1).reshape(-1, 3):
        for number, position in zip(atoms.numbers, atoms.get_scaled_positions() + shift, strict=True):
            distance = np.linalg.norm((grid - position) @ atoms.cell.array, axis=1)
            numbers[:, 0] += number * np.exp(-(distance**2))
            numbers[:, 1] += np.where(number > 10, np.exp(-((distance - 2) ** 2) * 3), 0)
    return numbers


@pytest.mark.parametrize(("atoms", "shape"), [(FLUORITE, (8, 8, 8)), (RUTILE, (6, 6, 4)), (MONOCLINIC, (5, 6, 7))])
def test_points_of_an_orbit_are_equivalent(atoms: Atoms, shape: tuple[int, int, int]) -> None:
    orbits = find_orbits(atoms, shape)
    assert orbits is not None and len(orbits.representatives) < np.prod(shape)
    values = _invariants(atoms, shape)
    np.testing.assert_allclose(values[orbits.representatives][orbits.orbit], values, atol=1e-6)


def test_operations_that_miss_the_grid_are_left_out() -> None:
    cubic, uneven = find_orbits(FLUORITE, (8, 8, 8)), find_orbits(FLUORITE, (8, 6, 10))
    assert cubic is not None and uneven is not None
    values = _invariants(FLUORITE, (8, 6, 10))
    np.testing.assert_allclose(values[uneven.representatives][uneven.orbit], values, atol=1e-6)
    assert 480 / len(uneven.representatives) < 512 / len(cubic.representatives)


def test_translations_only() -> None:
    orbits = find_orbits(FLUORITE, (8, 8, 8), rotations=False)
    assert orbits is not None and len(orbits.representatives) == 512 // 4
    assert find_orbits(MONOCLINIC, (8, 8, 8), rotations=False) is None


def test_nothing_without_symmetry() -> None:
    rattled = FLUORITE.copy()
    rattled.rattle(0.05, seed=1)
    assert find_orbits(rattled, (8, 8, 8)) is None
    slab = FLUORITE.copy()
    slab.pbc = (True, True, False)
    assert find_orbits(slab, (8, 8, 8)) is None
