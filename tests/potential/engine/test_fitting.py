"""Fitting net with frozen weights: outputs and gradient of the input."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.engine.fitting import FoldedFitting, input_weights
from deepaw.potential.network.fitting import FittingNet


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("neuron", [(8, 8), (16, 5), (5, 10, 10), ()], ids=str)
@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus", "relu"])
@pytest.mark.parametrize("parameter_count", [0, 2])
@pytest.mark.parametrize("resnet_dt", [True, False])
def test_outputs_and_gradient(neuron: tuple[int, ...], activation: str, parameter_count: int, resnet_dt: bool) -> None:
    """First layers that keep the width, double it (and so add x), or do neither."""
    generator = torch.Generator().manual_seed(0)
    net = FittingNet(8, neuron, activation=activation, resnet_dt=resnet_dt, generator=generator)
    features, fold = random(6, 3, seed=1).requires_grad_(), random(3, 8 - parameter_count, seed=2)
    parameters = random(6, parameter_count, seed=3) if parameter_count else None
    descriptor = features @ fold
    expected = net(descriptor if parameters is None else torch.cat([descriptor, parameters], dim=1)).squeeze(1)
    (gradient,) = torch.autograd.grad(expected.sum(), features)
    weights = input_weights(net.layers[0])
    folded = FoldedFitting(
        list(net.layers), fold @ weights[: 8 - parameter_count], weights[8 - parameter_count :], torch.float64
    )
    with torch.no_grad():
        outputs, outputs_gradient = folded(features, parameters)
    torch.testing.assert_close(outputs, expected.detach())
    torch.testing.assert_close(outputs_gradient, gradient)
    single = FoldedFitting(
        list(net.layers), fold @ weights[: 8 - parameter_count], weights[8 - parameter_count :], torch.float32
    )
    with torch.no_grad():
        single_outputs, single_gradient = single(features.detach().float(), parameters)
    assert single_outputs.dtype == single_gradient.dtype == torch.float32
    torch.testing.assert_close(single_outputs.double(), expected.detach(), rtol=1e-4, atol=1e-4)
