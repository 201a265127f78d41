"""`with_gradient` against automatic differentiation of the network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepaw.potential.network.activation import SMOOTH
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.gradient import with_gradient
from deepaw.potential.network.passes import has_passes

WIDTHS = {"residual": (5, 5, 5), "doubling": (4, 8, 8), "plain": (7, 3), "one layer": ()}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_autograd(net: FittingNet, x: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    value = net(x).squeeze(1)
    (gradient,) = torch.autograd.grad(value, x, factor, create_graph=True)
    return value, gradient


def loss_and_gradients(function, net: FittingNet, x: Tensor, factor: Tensor) -> list[Tensor]:
    """Compute values, gradients, and the derivatives of a nonlinear loss of these in x and the weights."""
    x = x.clone().requires_grad_()
    value, gradient = function(net, x, factor)
    loss = (value - 0.3).square().sum() + (gradient @ random(x.shape[1], 3, seed=3)).pow(3).sum()
    actual = torch.autograd.grad(loss, [x, *net.parameters()], allow_unused=True, materialize_grads=True)
    return [value.detach(), gradient.detach(), *actual]


@pytest.mark.parametrize("timestep", [False, True])
@pytest.mark.parametrize("shape", WIDTHS)
@pytest.mark.parametrize("activation", sorted(SMOOTH))
def test_a_loss_of_values_and_gradients(activation: str, shape: str, timestep: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    net = FittingNet(4, WIDTHS[shape], activation=activation, resnet_dt=timestep, generator=generator)
    x, factor = random(6, 4), torch.tensor([1.0, 1.0, 0.0, 0.5, 1.0, 1.0], dtype=torch.float64)
    assert has_passes(net)
    for actual, expected in zip(
        loss_and_gradients(with_gradient, net, x, factor), loss_and_gradients(by_autograd, net, x, factor), strict=True
    ):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


def test_its_derivatives_are_those_of_its_values() -> None:
    """By finite differences."""
    net = FittingNet(3, (4, 4), generator=torch.Generator().manual_seed(1))
    factor = torch.ones(2, dtype=torch.float64)
    weights = list(net.parameters())

    def function(x: Tensor, *in_double: Tensor) -> tuple[Tensor, Tensor]:
        return with_gradient(net, x, factor)

    assert torch.autograd.gradcheck(function, (random(2, 3).requires_grad_(), *weights))


def test_kinks_have_none() -> None:
    assert not has_passes(FittingNet(3, (4,), activation="relu"))


def test_of_a_network_that_is_not_trained() -> None:
    net = FittingNet(3, (4, 4), generator=torch.Generator().manual_seed(1)).requires_grad_(False)
    x, factor = random(2, 3).requires_grad_(), torch.ones(2, dtype=torch.float64)
    actual = torch.autograd.grad(with_gradient(net, x, factor)[1].square().sum(), x)
    expected = torch.autograd.grad(by_autograd(net, x, factor)[1].square().sum(), x)
    torch.testing.assert_close(actual, expected)


def test_single_precision_is_near_double() -> None:
    double = FittingNet(30, (20, 20), generator=torch.Generator().manual_seed(1))
    single = FittingNet(30, (20, 20), dtype=torch.float32, generator=torch.Generator().manual_seed(1))
    x, factor = random(9, 30), torch.ones(9, dtype=torch.float64)
    exact = loss_and_gradients(with_gradient, double, x, factor)

    def in_double(net: FittingNet, x: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = with_gradient(net, x.float(), factor)
        return value.double(), gradient.double()

    for actual, expected in zip(loss_and_gradients(in_double, single, x, factor), exact, strict=True):
        torch.testing.assert_close(actual.double(), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
