"""Probes: points of the grid with their density and every atom image within reach."""

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.training.probes import ProbeSource
from density.synthetic import crystal

SHAPE = (4, 5, 6)


def _values() -> np.ndarray:
    return np.arange(1.0, 121.0, dtype=np.float32).reshape(SHAPE) * np.where(np.arange(6) % 2, 1, -1)


@pytest.mark.parametrize("pbc", [True, False, (True, False, True)])
def test_points_densities_and_every_pair(pbc):
    atoms = crystal(1)
    atoms.pbc = pbc
    atoms.positions += [1.0, -2.0, 0.5]  # part of them outside of the cell
    values = _values()
    probes = ProbeSource(atoms, lambda: values, 3.0).draw(40, np.random.default_rng(0))
    fractional = atoms.cell.scaled_positions(probes.points) * SHAPE
    index = np.rint(fractional).astype(int)
    np.testing.assert_allclose(fractional, index, atol=1e-9)
    assert (index >= 0).all() and (index < SHAPE).all()
    np.testing.assert_array_equal(probes.density.numpy(), values[tuple(index.T)])

    shifts = np.stack(np.meshgrid(*[range(-4, 5) if periodic else [0] for periodic in atoms.pbc]), -1).reshape(-1, 3)
    expected = set()
    for number, position in enumerate(atoms.positions):
        for shift in shifts @ atoms.cell.array:
            vectors = probes.points - position - shift
            for point in np.flatnonzero(np.linalg.norm(vectors, axis=1) < 3.0):
                expected.add((number, int(point), *np.round(vectors[point], 3) + 0.0))
    assert len(expected) > 40
    rounded = np.round(probes.vectors.double().numpy(), 3) + 0.0
    found = {(int(a), int(p), *v) for a, p, v in zip(probes.atom, probes.point, rounded, strict=True)}
    assert len(probes.atom) == len(found) == len(expected)
    assert len(found & expected) > 0.99 * len(expected)  # but for digits that round either way
    assert (probes.atom.diff() >= 0).all()


def test_the_same_generator_draws_the_same():
    source = ProbeSource(crystal(0), _values, 3.0)
    a, b, c = (source.draw(30, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(a.points, b.points)
    assert torch.equal(a.vectors, b.vectors) and torch.equal(a.density, b.density)
    assert not np.array_equal(a.points, c.points)


def test_all_points_are_drawn_equally_often():
    source = ProbeSource(Atoms("Li", cell=[3, 3, 3], pbc=True), _values, 1.0)
    density = source.draw(60_000, np.random.default_rng(1)).density.abs()
    counts = torch.bincount(density.long(), minlength=121)[1:]
    assert counts.min() > 400 and counts.max() < 600
    assert source.mean == pytest.approx(60.5)
