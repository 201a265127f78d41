"""Fitted atoms: known ones are found again, outliers and rare elements do little harm."""

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.model.fitted_atoms import RadialSample, fit_atoms
from deepaw.density.model.splines import SplineConfig, spline_values
from deepaw.structure.neighbours import images_within

SPLINES = SplineConfig((6,), (3.0,), 1.4)
TRUE = torch.tensor(
    [[0.2, 0.4, 0.7, 0.5, 0.2, 0.1], [0.4, 1.1, 2.0, 1.2, 0.5, 0.2], [0.9, 0.8, 0.3, 0.3, 0.4, 0.3]],
    dtype=torch.float64,
)
RADII = torch.linspace(0.2, 2.9, 100, dtype=torch.float64)


def _sample(seed: int, species: list[int], count: int = 400, scale: float = 1.0) -> RadialSample:
    """Random atoms in a random cell, with the density of `TRUE` atoms times `scale`."""
    random = np.random.default_rng(seed)
    cell = np.eye(3) * random.uniform(2.5, 4.0, 3) + random.normal(0, 0.1, (3, 3))
    atoms = Atoms(numbers=[1] * len(species), scaled_positions=random.random((len(species), 3)), cell=cell, pbc=True)
    index, images = images_within(atoms, np.zeros(3), np.ones(3), 3.0)
    points = random.random((count, 3)) @ cell
    distance = np.linalg.norm(points[:, None] - images, axis=-1)
    point, image = np.nonzero(distance < 3.0)
    kind = torch.tensor(species)[torch.from_numpy(index[image])]
    r = torch.from_numpy(distance[point, image])
    density = torch.zeros(count, dtype=torch.float64)
    density.index_add_(0, torch.from_numpy(point), scale * (spline_values(SPLINES, r) * TRUE[kind]).sum(dim=-1))
    return RadialSample(torch.from_numpy(point), kind, r, density)


def _profiles(coefficients: torch.Tensor) -> torch.Tensor:
    """The spherical densities themselves, (species, radii), e/A^3."""
    return coefficients @ spline_values(SPLINES, RADII).T


def test_known_atoms_are_found_again():
    samples = [_sample(seed, [seed % 3, (seed + 1) % 3]) for seed in range(6)]
    found = fit_atoms(samples, 3, SPLINES)
    assert found.dtype == torch.float64
    torch.testing.assert_close(_profiles(found), _profiles(TRUE), atol=2e-3, rtol=0)


def test_float32_samples_will_do():
    samples = [_sample(seed, [0, 1]) for seed in range(4)]
    samples = [RadialSample(s.point, s.species, s.distance.float(), s.density.float()) for s in samples]
    torch.testing.assert_close(_profiles(fit_atoms(samples, 2, SPLINES)), _profiles(TRUE[:2]), atol=2e-3, rtol=0)


def _spoilt(sample: RadialSample, fraction: float) -> RadialSample:
    """A part of its points have a density ten times too large."""
    random = np.random.default_rng(0)
    bad = torch.from_numpy(random.random(len(sample.density)) < fraction)
    return RadialSample(
        sample.point, sample.species, sample.distance, torch.where(bad, 10 * sample.density, sample.density)
    )


def test_outliers_do_not_pull_as_squares_would():
    samples = [_spoilt(_sample(seed, [0, 1]), 0.05) for seed in range(6)]
    found = _profiles(fit_atoms(samples, 2, SPLINES))
    truth = _profiles(TRUE[:2])
    absolute = float((found - truth).abs().mean())

    # the same by least squares
    normal, right = torch.zeros(12, 12, dtype=torch.float64), torch.zeros(12, dtype=torch.float64)
    for sample in samples:
        design = torch.zeros(len(sample.density) * 2, 6, dtype=torch.float64)
        design.index_add_(0, 2 * sample.point + sample.species, spline_values(SPLINES, sample.distance))
        design = design.view(-1, 12)
        normal += design.T @ design
        right += design.T @ sample.density
    squares = _profiles(torch.linalg.solve(normal, right).view(2, 6))
    assert absolute < 0.1 * float((squares - truth).abs().mean())
    assert absolute < 0.02 * float(truth.abs().mean())


def test_the_mean_absolute_error_is_what_is_least():
    samples = [_spoilt(_sample(seed, [0, 1, 2], count=200), 0.2) for seed in range(4)]
    found = fit_atoms(samples, 3, SPLINES)

    def loss(coefficients: torch.Tensor) -> float:
        total = 0.0
        for sample in samples:
            values = (spline_values(SPLINES, sample.distance) * coefficients[sample.species]).sum(dim=-1)
            density = torch.zeros_like(sample.density).index_add_(0, sample.point, values)
            total += float((density - sample.density).abs().mean() / sample.density.abs().mean())
        return total

    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        direction = torch.randn(3, 6, generator=generator, dtype=torch.float64)
        assert loss(found) < 1.005 * loss(found + 0.05 * direction)


def test_densities_of_any_size_are_fitted_alike():
    large = [_spoilt(_sample(seed, [0, 1], scale=1e3), 0.1) for seed in range(3)]
    small = [_spoilt(_sample(seed, [0, 1], scale=1e-3), 0.1) for seed in range(3)]
    torch.testing.assert_close(fit_atoms(large, 2, SPLINES) / 1e3, fit_atoms(small, 2, SPLINES) * 1e3)


def test_an_element_seen_rarely():
    """A single structure with few points has the third element; the others are known a hundred times better."""
    samples = [_sample(seed, [0, 1], count=1000) for seed in range(8)] + [_sample(9, [0, 2], count=25)]
    found = _profiles(fit_atoms(samples, 3, SPLINES))
    torch.testing.assert_close(found[:2], _profiles(TRUE[:2]), atol=2e-3, rtol=0)
    assert found.isfinite().all()
    assert (found[2] - _profiles(TRUE)[2]).abs().max() < 0.2 * _profiles(TRUE)[2].max()


def test_an_element_seen_not_at_all_is_zero():
    found = fit_atoms([_sample(seed, [0, 2]) for seed in range(3)], 3, SPLINES)
    assert (found[1] == 0).all()
    assert (found[[0, 2]].abs().max(dim=-1).values > 0.1).all()


def test_points_that_see_no_atom():
    nothing = torch.zeros(0, dtype=torch.int64)
    empty = RadialSample(nothing, nothing, torch.zeros(0), torch.full((50,), 1e-3))
    assert (fit_atoms([empty], 2, SPLINES) == 0).all()
    found = fit_atoms([empty, *(_sample(seed, [0, 1]) for seed in range(3))], 2, SPLINES)
    torch.testing.assert_close(_profiles(found), _profiles(TRUE[:2]), atol=2e-3, rtol=0)


def test_densities_may_be_negative_here_and_there():
    sample = _sample(3, [0, 1])
    density = sample.density.clone()
    density[:5] = -0.1
    found = fit_atoms([RadialSample(sample.point, sample.species, sample.distance, density)], 2, SPLINES)
    assert _profiles(found) == pytest.approx(_profiles(TRUE[:2]), abs=0.1)
