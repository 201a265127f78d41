"""Distances and neighbour counts of data sets."""

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics, frame_neighbours, neighbour_statistics
from deepaw.potential.data.system import Frame, read_system
from potential.systems import water, write_mixed_system, write_system


def brute_force(frame: Frame, ntypes: int, rcut: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts and shortest distances over the nearest 7 x 7 x 7 images."""
    counts, shortest = np.zeros((len(frame.types), ntypes), dtype=int), np.full((ntypes, ntypes), np.inf)
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3) @ frame.cell
    for i, a in enumerate(frame.types):
        for j, b in enumerate(frame.types):
            distances = np.linalg.norm(frame.coord[j] + shifts - frame.coord[i], axis=1)
            near = distances[(distances < rcut) & (distances > 1e-9)]
            counts[i, b] += len(near)
            shortest[a, b] = min(shortest[a, b], near.min(initial=np.inf))
    return counts, shortest


def test_a_cell_smaller_than_the_cutoff(tmp_path):
    frame = read_system(write_system(tmp_path / "water", water(1, molecules=2))).frame(0)
    counts, shortest = brute_force(frame, 2, 7.0)
    found = frame_neighbours(frame, 2, 7.0)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.shortest, shortest, rtol=1e-12)


def test_statistics_of_several_systems(tmp_path):
    systems = [
        read_system(write_system(tmp_path / "small", water(3, molecules=1)), ["H", "O"]),
        read_system(write_mixed_system(tmp_path / "mixed", [water(1, 1, seed=2), water(2, 3)]), ["H", "O"]),
    ]
    calls = []
    found = neighbour_statistics(systems, 4.0, lambda done, total: calls.append((done, total)))
    frames = [(s, k, brute_force(s.frame(k), 2, 4.0)) for s in systems for k in range(s.nframes)]
    counts = np.concatenate([counts for _, _, (counts, _) in frames])
    np.testing.assert_array_equal(found.largest, counts.max(axis=0))
    np.testing.assert_allclose(found.mean, counts.mean(axis=0))
    assert list(found.shortest) == [(0, 0), (0, 1), (1, 1)]
    for (a, b), shortest in found.shortest.items():
        system, index, (_, distances) = min(frames, key=lambda row: row[2][1][a, b])
        assert (shortest.system, shortest.frame) == (system.name, index)
        assert shortest.distance == pytest.approx(distances[a, b], rel=1e-12)
    assert found.shortest_distance == found.shortest[0, 1].distance
    assert calls == [(k, 6) for k in range(1, 7)]


def test_atoms_without_neighbours(tmp_path):
    molecule = water(2, molecules=1, periodic=False)
    found = neighbour_statistics([read_system(write_system(tmp_path / "molecule", molecule))], 0.5)
    assert found.shortest_distance == np.inf
    np.testing.assert_array_equal(found.largest, [0, 0])


def test_sel_is_what_deepmd_kit_would_choose():
    statistics = NeighbourStatistics(6.0, np.array([37, 38, 40, 72, 0]), 100, np.zeros(5), {})
    assert statistics.sel() == [40, 44, 44, 80, 0]
    assert statistics.sel(2.0) == [76, 76, 80, 144, 0]


def test_two_atoms_on_one_spot(tmp_path):
    folder = write_system(tmp_path / "water", water(4, molecules=2))
    coord = np.load(folder / "set.000" / "coord.npy")
    coord[2, 3:6] = coord[2, :3]
    np.save(folder / "set.000" / "coord.npy", coord)
    with pytest.raises(InputError, match="water, frame 3, has two atoms on one spot"):
        neighbour_statistics([read_system(folder)], 4.0)
