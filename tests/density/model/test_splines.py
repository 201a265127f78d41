"""Radial functions: where they vanish, how they begin, their norm, and the table of them."""

import numpy as np
import pytest
import torch

from deepaw.density.model.splines import SplineConfig, spline_table, spline_values
from deepaw.errors import InputError

CONFIG = SplineConfig((7, 6, 5, 4), (4.0, 3.5, 3.0, 4.5), 1.4)
STARTS = np.cumsum([0, *CONFIG.counts])


def _of_degree(degree: int, values: torch.Tensor) -> torch.Tensor:
    return values[..., STARTS[degree] : STARTS[degree + 1]]


def test_sizes():
    assert (CONFIG.lmax, CONFIG.cutoff, CONFIG.size) == (3, 4.5, 22)
    assert spline_values(CONFIG, torch.rand(2, 3)).shape == (2, 3, 22)


@pytest.mark.parametrize("degree", range(4))
def test_normalised(degree):
    r = torch.linspace(0, 4.5, 20001, dtype=torch.float64)
    g = _of_degree(degree, spline_values(CONFIG, r))
    norms = torch.trapezoid(4 * np.pi * (g * r[:, None]).square(), r, dim=0)
    torch.testing.assert_close(norms, torch.ones_like(norms), atol=1e-5, rtol=0)


@pytest.mark.parametrize("degree", range(4))
def test_the_cutoff_is_reached_with_two_derivatives(degree):
    cutoff, h = CONFIG.cutoffs[degree], 1e-3
    r = torch.tensor([cutoff, cutoff + 1e-9, cutoff + 1.0, 100.0], dtype=torch.float64)
    assert (_of_degree(degree, spline_values(CONFIG, r)) == 0).all()
    near = _of_degree(degree, spline_values(CONFIG, torch.tensor([cutoff - h, cutoff - 2 * h], dtype=torch.float64)))
    # (cutoff - r)^3 falls to an eighth where the distance halves
    last = near[:, -1]
    assert 0 < last[0] < 1e-6
    assert last[1] / last[0] == pytest.approx(8, rel=1e-6)


def test_the_behaviour_at_the_nucleus():
    r = torch.tensor([0.0, 1e-4, 2e-4], dtype=torch.float64)
    values = spline_values(CONFIG, r)
    assert _of_degree(0, values)[0].abs().max() > 0.1
    for degree in (1, 2, 3):
        zero, one, two = _of_degree(degree, values).abs().max(dim=-1).values
        assert zero < 1e-12
        assert two / one == pytest.approx(2 if degree == 1 else 4, rel=1e-2)


def test_functions_are_independent():
    r = torch.linspace(1e-3, 4.5, 3000, dtype=torch.float64)
    for degree in range(4):
        g = _of_degree(degree, spline_values(CONFIG, r)) * r[:, None]
        assert torch.linalg.cond(g) < 1e3


def test_a_larger_power_packs_them_towards_the_nucleus():
    r = torch.linspace(0, 4, 4001, dtype=torch.float64)

    def middle(power: float) -> float:
        g = spline_values(SplineConfig((7,), (4.0,), power), r).square()
        return float((g * r[:, None]).sum() / g.sum())

    assert middle(2.0) < middle(1.4) < middle(1.0)


def test_the_table_is_near():
    r = torch.rand(2000, dtype=torch.float64) * 5
    exact, tabulated = spline_values(CONFIG, r), spline_table(CONFIG, torch.float64)(r)
    assert (exact - tabulated).abs().max() < 2e-5 * exact.abs().max()
    assert (tabulated[r >= 4.5] == 0).all()


@pytest.mark.parametrize(
    ("counts", "cutoffs", "power"),
    [((), (), 1.3), ((3,), (4.0,), 1.3), ((4, 4), (4.0,), 1.3), ((4,), (0.0,), 1.3), ((4,), (4.0,), 0.9)],
)
def test_refused(counts, cutoffs, power):
    with pytest.raises(InputError, match="splines need a count of at least 4 and a positive cutoff"):
        SplineConfig(counts, cutoffs, power)
