import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.density.engine.tiles import (
    CPU_TILES,
    Surroundings,
    TileSize,
    grid_blocks,
    grid_points,
    point_blocks,
)


def _brute_force(atoms: Atoms, points: np.ndarray, cutoff: float) -> list[tuple[int, int, int]]:
    """(atom, distance in units of 1e-6 A, point) of every pair, from a supercell large enough."""
    pairs = []
    reach = [range(-9, 10) if periodic else range(1) for periodic in atoms.pbc]
    cell = atoms.cell.complete().array
    for shift in np.stack(np.meshgrid(*reach, indexing="ij"), axis=-1).reshape(-1, 3):
        distance = np.linalg.norm(points[:, None] - (atoms.positions + shift @ cell)[None], axis=-1)
        for p, a in zip(*np.nonzero(distance <= cutoff), strict=True):
            pairs.append((int(a), round(distance[p, a] * 1e6), int(p)))
    return sorted(pairs)


def _from_tile(atoms: Atoms, points: np.ndarray, cutoff: float) -> list[tuple[int, int, int]]:
    tile = Surroundings(atoms, cutoff).tile(points)
    np.testing.assert_allclose((tile.points + tile.origin).numpy(), points, atol=1e-12)
    distance = (tile.points[:, None] - tile.centres[None]).norm(dim=-1).numpy()
    box = (tile.centres.abs() - tile.points.abs().max(dim=0).values).clamp(min=0).norm(dim=-1)
    assert (box <= cutoff).all(), "an image out of reach of the box around the points"
    near = zip(*np.nonzero(distance <= cutoff), strict=True)
    return sorted((int(tile.atom[m]), round(distance[p, m] * 1e6), int(p)) for p, m in near)


STRUCTURES = {
    "smaller than the cutoff": bulk("Si"),
    "sheared": Atoms("HO", [[0.1, 0.2, 0.3], [8, 9, -4]], cell=[[3, 0, 0], [2.5, 3, 0], [-1, 2, 4]], pbc=True),
    "slab": Atoms("HO", [[0.1, 0.2, -30.0], [1, 1, -28.5]], cell=[[3, 0, 0], [0, 4, 0], [0, 0, 9]], pbc=(1, 1, 0)),
    "molecule": Atoms("HO", [[0.1, 0.2, 0.3], [1, 1, 1]]),
}


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("spread", [0.3, 4.0])
def test_every_image_in_reach_is_found_once(name: str, spread: float) -> None:
    atoms = STRUCTURES[name]
    points = atoms.positions[0] + np.random.default_rng(0).uniform(-spread, spread, (7, 3)) + [2.0, -1.0, 0.5]
    expected = _brute_force(atoms, points, 3.7)
    assert expected
    assert _from_tile(atoms, points, 3.7) == expected


def test_points_out_of_reach_have_no_images() -> None:
    tile = Surroundings(STRUCTURES["molecule"], 4.0).tile(np.array([[50.0, 0, 0]]))
    assert tile.centres.shape == (0, 3) and tile.atom.shape == (0,)


def test_order_of_questions_does_not_matter() -> None:
    around = Surroundings(STRUCTURES["sheared"], 4.0)
    small, large = np.zeros((1, 3)), np.array([[0.0, 0, 0], [6.0, 5, 4]])
    first = around.tile(small)
    around.tile(large)
    again = around.tile(small)
    assert sorted(map(tuple, first.centres.tolist())) == sorted(map(tuple, again.centres.tolist()))


@pytest.mark.parametrize("shape", [(24, 20, 33), (51, 40, 60), (1, 1, 1)])
def test_blocks_cover_a_grid_once(shape: tuple[int, int, int]) -> None:
    cell = np.array([[5.0, 0, 0], [1, 4, 0], [0, 0, 6]])
    blocks = list(grid_blocks(cell, shape))
    assert all(len(block) <= CPU_TILES.points for block in blocks)
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(np.prod(shape)))
    for block in blocks:
        assert (
            len(block) <= 2 * CPU_TILES.enough
            or np.ptp(grid_points(cell, shape, block), axis=0).max() <= CPU_TILES.extent * 1.5
        )
    if np.prod(shape) > 1:
        assert np.mean([len(block) for block in blocks]) > CPU_TILES.enough / 2


def test_blocks_of_some_planes() -> None:
    cell, shape = np.eye(3) * 4, (6, 5, 12)
    covered = np.concatenate(list(grid_blocks(cell, shape, planes=slice(3, 7))))
    assert set(covered % 12) == {3, 4, 5, 6} and len(np.unique(covered)) == len(covered) == 6 * 5 * 4


def test_blocks_of_a_thin_part_are_as_full_as_others() -> None:
    cell, shape = np.eye(3) * 4, (200, 200, 200)
    blocks = list(grid_blocks(cell, shape, rows=slice(7, 8)))
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(7 * 200**2, 8 * 200**2))
    assert CPU_TILES.points / 2 < np.mean([len(block) for block in blocks]) <= CPU_TILES.points


def test_grid_points_are_fractions_of_the_cell_vectors() -> None:
    cell = np.array([[4.0, 0, 0], [0, 6, 0], [1, 0, 8]])
    index = np.ravel_multi_index(([1], [2], [3]), (4, 3, 4))
    np.testing.assert_allclose(grid_points(cell, (4, 3, 4), index), [[1 + 0.75, 4, 6]])


def test_groups_of_points_are_small_and_complete() -> None:
    points = np.random.default_rng(1).uniform(0, 4, size=(5000, 3))
    groups = list(point_blocks(points, TileSize(1.0, 512)))
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(5000))
    assert all(np.ptp(points[group], axis=0).max() <= 1.0 and len(group) <= 512 for group in groups)
    sparse = list(point_blocks(points * 5, TileSize(1.0, 512)))
    assert np.array_equal(np.sort(np.concatenate(sparse)), np.arange(5000))
    assert 1.0 < max(np.ptp(5 * points[group], axis=0).max() for group in sparse) <= CPU_TILES.widest
    assert list(point_blocks(np.zeros((0, 3)))) == []
    dense = list(point_blocks(np.zeros((1500, 3))))
    assert [len(group) for group in dense] == [512, 512, 476]
