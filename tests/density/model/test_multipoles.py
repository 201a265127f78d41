"""Sums of atom-centred multipoles against the sum written out, and their twins."""

import pytest
import torch

from deepaw.density.model.multipoles import (
    by_degree,
    coefficient_count,
    density_of_grouped_pairs,
    density_of_pairs,
    radial_profiles,
)
from deepaw.density.model.splines import SplineConfig, spline_table, spline_values
from deepaw.equivariant import spherical_harmonics

CONFIG = SplineConfig((6, 5, 4), (3.0, 3.0, 2.5), 1.3)
NATOMS, NPAIRS = 3, 40


@pytest.fixture
def pairs():
    """Coefficients, atoms and vectors; one vector is zero and some are out of reach."""
    generator = torch.Generator().manual_seed(1)
    coefficients = torch.randn(NATOMS, coefficient_count(CONFIG), generator=generator, dtype=torch.float64)
    atom = torch.randint(NATOMS, (NPAIRS,), generator=generator)
    vectors = 3 * torch.rand(NPAIRS, 3, generator=generator, dtype=torch.float64) - 1.5
    vectors[0] = 0
    vectors[1] = torch.tensor([2.0, 2.0, 2.0])
    return coefficients, atom, vectors


def test_the_layout():
    assert coefficient_count(CONFIG) == 6 + 5 * 3 + 4 * 5
    blocks = by_degree(CONFIG, torch.arange(2 * 41.0).view(2, 41))
    assert [tuple(block.shape) for block in blocks] == [(2, 6, 1), (2, 5, 3), (2, 4, 5)]
    assert blocks[1][1, 2, 1] == 41 + 6 + 2 * 3 + 1
    assert torch.equal(torch.cat([block.flatten(1) for block in blocks], 1), torch.arange(82.0).view(2, 41))


def test_pair_by_pair_is_the_sum(pairs):
    coefficients, atom, vectors = pairs
    found = density_of_pairs(CONFIG, coefficients, atom, vectors)
    for pair in range(NPAIRS):
        g = spline_values(CONFIG, vectors[pair].norm())
        y = spherical_harmonics(2, vectors[pair])
        expected, place, function = 0.0, 0, 0
        for degree, count in enumerate(CONFIG.counts):
            for _ in range(count):
                for m in range(2 * degree + 1):
                    expected += float(coefficients[atom[pair], place] * g[function] * y[degree**2 + m])
                    place += 1
                function += 1
        assert float(found[pair]) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found[1] == 0


def test_a_spherical_density_integrates_to_its_electrons():
    r = torch.linspace(0, 3, 3001, dtype=torch.float64)
    coefficients = torch.zeros(1, 41, dtype=torch.float64)
    coefficients[0, :6] = torch.tensor([0.1, 0.4, 1.0, 0.5, 0.2, 0.1])
    vectors = torch.zeros(len(r), 3, dtype=torch.float64)
    vectors[:, 0] = r
    density = density_of_pairs(CONFIG, coefficients, torch.zeros(len(r), dtype=torch.int64), vectors)
    radial = spline_values(CONFIG, r)[:, :6] @ coefficients[0, :6]
    torch.testing.assert_close(density, radial)


def test_grouped_pairs(pairs):
    coefficients, atom, vectors = pairs
    coefficients.requires_grad_(True)
    expected = density_of_pairs(CONFIG, coefficients, atom, vectors)
    (gradient,) = torch.autograd.grad(expected.square().sum(), coefficients)
    radial = torch.zeros(NATOMS, NPAIRS, CONFIG.size, dtype=torch.float64)
    angular = torch.rand(NATOMS, NPAIRS, 9, dtype=torch.float64)  # no matter where there is no pair
    slot = torch.arange(NPAIRS)
    radial[atom, slot] = spline_values(CONFIG, vectors.norm(dim=-1))
    angular[atom, slot] = spherical_harmonics(2, vectors)
    found = density_of_grouped_pairs(CONFIG, coefficients, radial, angular)
    torch.testing.assert_close(found[atom, slot], expected)
    torch.testing.assert_close(found.sum(dim=0), expected)
    torch.testing.assert_close(torch.autograd.grad(found.square().sum(), coefficients)[0], gradient)


def test_profiles(pairs):
    coefficients, atom, vectors = pairs
    profiles = radial_profiles(CONFIG, spline_table(CONFIG, torch.float64).values, coefficients)
    assert profiles.shape[0] == NATOMS and profiles.shape[2] == 9
    radii = torch.linspace(0, CONFIG.cutoff, profiles.shape[1], dtype=torch.float64)
    row = torch.searchsorted(radii, vectors.norm(dim=-1)).clamp(max=len(radii) - 1)
    on_rows = torch.nn.functional.normalize(vectors, dim=-1) * radii[row][:, None]
    found = (profiles[atom, row] * spherical_harmonics(2, on_rows)).sum(dim=-1)
    torch.testing.assert_close(found, density_of_pairs(CONFIG, coefficients, atom, on_rows), atol=1e-10, rtol=1e-8)
