import numpy as np
import torch
from scipy.interpolate import BSpline

from deepaw.density.model.config import LocalConfig
from deepaw.density.model.local import LocalCorrection, SplineLayer, spline_values


def test_splines_are_those_of_scipy() -> None:
    knots = torch.arange(-4, 13, dtype=torch.float64).mul(0.25).sub(1.0).repeat(2, 1)
    x = torch.linspace(-0.99, 0.99, 41, dtype=torch.float64)
    values = spline_values(torch.stack((x, -x), dim=1), knots, 4)
    assert values.shape == (41, 2, 12)
    for c in range(12):
        expected = BSpline(knots[0].numpy(), np.eye(12)[c], 4)(x.numpy())
        np.testing.assert_allclose(values[:, 0, c].numpy(), expected, atol=1e-12)
    torch.testing.assert_close(values[:, 1], values[:, 0].flip(0))


def test_splines_vanish_outside_of_their_knots() -> None:
    knots = torch.arange(-4, 13, dtype=torch.float64).mul(0.25).sub(1.0).repeat(1, 1)
    assert not spline_values(torch.tensor([[-2.5], [2.01]], dtype=torch.float64), knots, 4).any()


def test_layer_is_its_equation() -> None:
    torch.manual_seed(0)
    layer = SplineLayer(3, 2, 8, 4).double()
    layer.mask[1, 0] = 0
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = torch.zeros(5, 2, dtype=torch.float64)
    for i in range(3):
        for j in range(2):
            spline = spline_values(x, layer.grid, 4)[:, i] @ layer.coef[i, j]
            base = torch.nn.functional.silu(x[:, i])
            expected[:, j] += layer.mask[i, j] * (layer.scale_base[i, j] * base + layer.scale_sp[i, j] * spline)
    torch.testing.assert_close(layer(x), expected)


def test_correction_starts_without_reading_its_input() -> None:
    torch.manual_seed(0)
    correction = LocalCorrection(10, 1, LocalConfig())
    x = torch.randn(4, 10)
    torch.testing.assert_close(correction(x), correction(torch.zeros(4, 10)))
    torch.nn.init.normal_(correction.mlp.weight)
    assert correction(x).std() > 0
