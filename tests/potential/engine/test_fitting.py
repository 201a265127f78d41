"""The fitting net and the gradient of its input in one go."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.network.fitting import FittingNet


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("neuron", [(8, 8), (16, 5), (5, 10, 10), ()], ids=str)
@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus", "relu"])
@pytest.mark.parametrize("beside", [0, 2])
@pytest.mark.parametrize("resnet_dt", [True, False])
def test_outputs_and_gradient(neuron: tuple[int, ...], activation: str, beside: int, resnet_dt: bool) -> None:
    """First layers that keep the width, double it (and so add x), or do neither."""
    generator = torch.Generator().manual_seed(0)
    net = FittingNet(8, neuron, activation=activation, resnet_dt=resnet_dt, generator=generator)
    features, fold = random(6, 3, seed=1).requires_grad_(), random(3, 8 - beside, seed=2)
    parameters = random(6, beside, seed=3) if beside else None
    descriptor = features @ fold
    expected = net(descriptor if parameters is None else torch.cat([descriptor, parameters], dim=1)).squeeze(1)
    (gradient,) = torch.autograd.grad(expected.sum(), features)
    weights = first_weights(net.layers[0])
    folded = FoldedFitting(list(net.layers), fold @ weights[: 8 - beside], weights[8 - beside :], torch.float64)
    with torch.no_grad():
        found, found_gradient = folded(features, parameters)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(found_gradient, gradient)
    single = FoldedFitting(list(net.layers), fold @ weights[: 8 - beside], weights[8 - beside :], torch.float32)
    with torch.no_grad():
        outputs, gradient_single = single(features.detach().float(), parameters)
    assert outputs.dtype == gradient_single.dtype == torch.float32
    torch.testing.assert_close(outputs.double(), expected.detach(), rtol=1e-4, atol=1e-4)
