"""Layer y = phi(x w + b) * idt, with x added where widths allow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepaw.potential.network.layer import Layer


def by_hand(layer: Layer, x: np.ndarray) -> np.ndarray:
    w, b = layer.w.detach().numpy(), layer.b
    z = x @ w + (0 if b is None else b.detach().numpy())
    y = np.tanh(z)
    if layer.idt is not None:
        y = y * layer.idt.detach().numpy()
    if x.shape[-1] == w.shape[-1]:
        return y + x
    return y + np.concatenate([x, x], axis=-1) if 2 * x.shape[-1] == w.shape[-1] else y


@pytest.mark.parametrize(("inputs", "outputs", "copies"), [(3, 3, 1), (3, 6, 2), (3, 5, 0), (6, 3, 0)])
@pytest.mark.parametrize("timestep", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_equation(inputs: int, outputs: int, copies: int, timestep: bool, bias: bool) -> None:
    layer = Layer(inputs, outputs, residual=True, timestep=timestep, bias=bias)
    assert layer.copies == copies
    assert (layer.idt is not None) == (timestep and copies > 0)
    x = torch.randn(7, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(layer(x).detach().numpy(), by_hand(layer, x.numpy()), rtol=1e-13, atol=1e-13)


def test_without_residuals_nothing_is_added() -> None:
    layer = Layer(3, 3, timestep=True)
    assert layer.copies == 0 and layer.idt is None
    x = torch.ones(1, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x), torch.tanh(x @ layer.w + layer.b))


@pytest.mark.parametrize("bias", [True, False])
def test_several_networks_are_each_their_own(bias: bool) -> None:
    layer = Layer(2, 4, networks=(3,), residual=True, timestep=True, bias=bias)
    x = torch.randn(3, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batched = layer(x)
    assert batched.shape == (3, 5, 4)
    for index in range(3):
        parameters = {name: value[index] for name, value in layer.named_parameters()}
        torch.testing.assert_close(batched[index], torch.func.functional_call(layer, parameters, (x[index],)))


def test_initial_weights_do_not_depend_on_the_precision() -> None:
    double, single = (
        Layer(40, 60, residual=True, dtype=dtype, generator=torch.Generator().manual_seed(4))
        for dtype in (torch.float64, torch.float32)
    )
    assert single.w.dtype == torch.float32
    torch.testing.assert_close(double.w.float(), single.w, rtol=0, atol=0)
    assert abs(float(double.w.detach().std()) - 0.1) < 0.005
    assert 0.7 < float(double.b.detach().std()) < 1.3


def test_initial_timesteps_are_near_a_tenth() -> None:
    layer = Layer(200, 200, residual=True, timestep=True, generator=torch.Generator().manual_seed(4))
    assert abs(float(layer.idt.detach().mean()) - 0.1) < 1e-3
    assert 5e-4 < float(layer.idt.detach().std()) < 2e-3
