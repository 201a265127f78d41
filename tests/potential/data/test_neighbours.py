"""Distances and neighbour counts of data sets."""

import numpy as np
import pytest

from deepaw.potential.data.neighbours import (
    NeighbourCounts,
    NeighbourStatistics,
    frame_neighbours,
    neighbour_statistics,
)
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
    neighbours = frame_neighbours(frame, 2, 7.0)
    np.testing.assert_array_equal(neighbours.counts, counts)
    np.testing.assert_allclose(neighbours.shortest, shortest, rtol=1e-12)


def test_statistics_of_several_systems(tmp_path):
    systems = [
        read_system(write_system(tmp_path / "small", water(3, molecules=1)), ["H", "O"]),
        read_system(write_mixed_system(tmp_path / "mixed", [water(1, 1, seed=2), water(2, 3)]), ["H", "O"]),
    ]
    counted = [(system.name, NeighbourCounts(2)) for system in systems]
    for system, (_, counts) in zip(systems, counted, strict=True):
        for index, frame in enumerate(system.frames()):
            counts.add(frame_neighbours(frame, 2, 4.0), index)
    statistics = neighbour_statistics(4.0, 2, counted)
    frames = [(s, k, brute_force(s.frame(k), 2, 4.0)) for s in systems for k in range(s.nframes)]
    counts = np.concatenate([counts for _, _, (counts, _) in frames])
    np.testing.assert_array_equal(statistics.largest, counts.max(axis=0))
    assert statistics.most == counts.sum(axis=1).max()
    np.testing.assert_allclose(statistics.mean, counts.mean(axis=0))
    assert list(statistics.shortest) == [(0, 0), (0, 1), (1, 1)]
    for (a, b), shortest in statistics.shortest.items():
        system, index, (_, distances) = min(frames, key=lambda row: row[2][1][a, b])
        assert (shortest.system, shortest.frame) == (system.name, index)
        assert shortest.distance == pytest.approx(distances[a, b], rel=1e-12)
    assert statistics.shortest_distance == statistics.shortest[0, 1].distance


def test_of_equal_distances_the_first_frame_is_named(tmp_path):
    frame = read_system(write_system(tmp_path / "water", water(1, molecules=2))).frame(0)
    neighbours = frame_neighbours(frame, 2, 4.0)
    counts, later = NeighbourCounts(2), NeighbourCounts(2)
    counts.add(neighbours, 3)
    later.add(neighbours, 4)
    counts.merge(later)
    statistics = neighbour_statistics(4.0, 2, [("a", counts), ("b", later)])
    assert {(pair.system, pair.frame) for pair in statistics.shortest.values()} == {("a", 3)}


def test_atoms_without_neighbours(tmp_path):
    frame = read_system(write_system(tmp_path / "molecule", water(1, molecules=1, periodic=False))).frame(0)
    counts = NeighbourCounts(2)
    counts.add(frame_neighbours(frame, 2, 0.5), 0)
    statistics = neighbour_statistics(0.5, 2, [("molecule", counts)])
    assert statistics.shortest_distance == np.inf
    np.testing.assert_array_equal(statistics.largest, [0, 0])


def test_sel_is_what_deepmd_kit_would_choose():
    statistics = NeighbourStatistics(6.0, np.array([37, 38, 40, 72, 0]), 100, np.zeros(5), {})
    assert statistics.sel() == [40, 44, 44, 80, 0]
    assert statistics.sel(2.0) == [76, 76, 80, 144, 0]
