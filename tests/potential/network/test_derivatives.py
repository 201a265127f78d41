"""First and second derivatives of activation functions, against automatic differentiation."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.network.activation import SMOOTH, find_activation
from deepaw.potential.network.derivatives import DERIVATIVES, find_fill_function


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_derivatives_of_every_smooth_function(name: str) -> None:
    z = torch.linspace(-4, 4, 41, dtype=torch.float64).requires_grad_()
    value = find_activation(name)(z)
    (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    second = torch.zeros_like(z)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), z, allow_unused=True, materialize_grads=True)
    actual = DERIVATIVES[name](z.detach(), value.detach())
    torch.testing.assert_close(actual[0], first.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(actual[1], second, rtol=1e-12, atol=1e-14)
    filled = [torch.empty_like(second) for _ in range(3)]
    find_fill_function(name.upper())(z.detach(), *filled)
    for one, other in zip(filled, (value.detach(), *actual), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
