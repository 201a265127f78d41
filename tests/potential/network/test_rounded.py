"""Products of rounded operands, and their derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepaw.potential.network import products
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.network.gradient import with_gradient
from deepaw.potential.network.products import product
from deepaw.potential.network.rounded import rounded_product

UNIT = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
"""Largest relative error of rounding."""

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def random(*shape: int, seed: int = 0, device: str = "cpu") -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(device)


@pytest.fixture(params=["as it is", "without instructions"])
def _processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without instructions":
        monkeypatch.setattr(products, "_HAS_BFLOAT16", False)


@pytest.mark.usefixtures("_processor")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("compute", UNIT)
def test_error_is_that_of_the_type(compute: torch.dtype, device: str) -> None:
    a, b, c = random(9, 64, seed=1, device=device), random(64, 7, seed=2, device=device), random(9, 7, device=device)
    exact, unit = a.double() @ b.double(), UNIT[compute]
    # of both operands and, at most, of the result
    limit = 2.1 * unit * (a.double().abs() @ b.double().abs()) + unit * exact.abs()
    actual = [
        (product(a, b, compute), 0 * c),
        (product(a, b.t().contiguous().t(), compute), 0 * c),
        (product(a, b, compute, out=c.clone(), add=True), c),
    ]
    for result, added in actual:
        assert result.dtype == torch.float32
        off = (result.double() - added.double() - exact).abs()
        assert (off < limit + 1e-6).all()
        assert off.max() > 0.01 * unit


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("compute", UNIT)
def test_size_does_not_matter(compute: torch.dtype, size: float, device: str) -> None:
    """Without a scale, these would be 0 or inf in float16."""
    a, b = random(5, 30, seed=1, device=device), random(30, 4, seed=2, device=device)
    expected = a @ b
    torch.testing.assert_close(product(a * size, b / size, compute), expected, rtol=0.1, atol=0.1)
    torch.testing.assert_close(product(a * size, b, compute) / size, expected, rtol=0.1, atol=0.1)
    assert (product(0 * a, b, compute) == 0).all()


def test_what_is_not_finite_stays_so() -> None:
    a = random(3, 4)
    a[1, 2] = torch.inf
    for compute in UNIT:
        assert not product(a, random(4, 2), compute)[1].isfinite().all()


@pytest.mark.parametrize("compute", UNIT)
def test_derivatives_of_any_order(compute: torch.dtype) -> None:
    a, b = random(4, 50, seed=1).requires_grad_(), random(50, 3, seed=2).requires_grad_()

    def derivatives(multiply) -> list[Tensor]:
        value = multiply(a, b)
        first = torch.autograd.grad(value.pow(3).sum(), [a, b], create_graph=True)
        return [*first, *torch.autograd.grad(sum(tensor.square().sum() for tensor in first), [a, b])]

    rounded = derivatives(lambda a, b: rounded_product(a, b, compute))
    for actual, expected in zip(rounded, derivatives(torch.matmul), strict=True):
        assert (actual - expected).norm() < 4 * UNIT[compute] * expected.norm()


@pytest.mark.parametrize("compute", UNIT)
@pytest.mark.parametrize("timestep", [False, True])
def test_a_network_by_its_passes_and_plainly(timestep: bool, compute: torch.dtype) -> None:
    net = FittingNet(30, (20, 20), resnet_dt=timestep, dtype=torch.float32, generator=torch.Generator().manual_seed(1))
    x, factor = random(9, 30).requires_grad_(), torch.ones(9)
    direction = random(9, 30, seed=3)

    def by_autograd(compute: torch.dtype | None) -> tuple[Tensor, Tensor]:
        value = net(x, compute).squeeze(1)
        return value, torch.autograd.grad(value, x, factor, create_graph=True)[0]

    def all_of(value: Tensor, gradient: Tensor) -> list[Tensor]:
        loss = value.square().sum() + (gradient * direction).sum().square()
        return [value, gradient, *torch.autograd.grad(loss, [x, *net.parameters()], allow_unused=True)]

    exact = all_of(*by_autograd(None))
    for actual in (all_of(*by_autograd(compute)), all_of(*with_gradient(net, x, factor, compute))):
        assert not torch.equal(actual[0], exact[0]) and not torch.equal(actual[1], exact[1])
        for one, other in zip(actual, exact, strict=True):
            if other is not None:
                assert (one - other).norm() < 8 * UNIT[compute] * other.norm()
