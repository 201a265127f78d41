"""Activation functions: their formulas, names and smoothness."""

from __future__ import annotations

import math

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.network.activation import ACTIVATIONS, SMOOTH, find_activation

X = torch.linspace(-8, 8, 161, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("tanh", lambda x: math.tanh(x)),
        ("relu", lambda x: max(x, 0.0)),
        ("relu6", lambda x: min(max(x, 0.0), 6.0)),
        ("softplus", lambda x: math.log1p(math.exp(x))),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("gelu", lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("gelu_tf", lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("none", lambda x: x),
        ("linear", lambda x: x),
    ],
)
def test_formulas(name: str, formula) -> None:
    expected = torch.tensor([formula(x) for x in X.tolist()], dtype=torch.float64)
    torch.testing.assert_close(find_activation(name)(X), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(find_activation(name.upper())(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "threshold"), [("silut", 3.0), ("silut:2.0", 2.0), ("custom_silu:5", 5.0)])
def test_silut_follows_silu_and_then_levels_off(name: str, threshold: float) -> None:
    function = find_activation(name)
    below = X[threshold > X]
    torch.testing.assert_close(function(below), torch.nn.functional.silu(below))
    around = torch.tensor([threshold - 1e-6, threshold + 1e-6], dtype=torch.float64, requires_grad=True)
    values = function(around)
    (slope,) = torch.autograd.grad(values.sum(), around)
    assert abs(values[1] - values[0]) < 5e-6 and abs(slope[1] - slope[0]) < 1e-5
    assert function(torch.tensor(1e3)) < threshold + 1.0


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_those_called_smooth_have_no_kink(name: str) -> None:
    x = torch.linspace(-7, 7, 14001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(find_activation(name)(x).sum(), x)
    assert (slope[1:] - slope[:-1]).abs().max() < 1e-2 * 1.5


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - SMOOTH))
def test_and_the_others_have_one(name: str) -> None:
    x = torch.linspace(-7, 7, 14002, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(find_activation(name)(x).sum(), x)
    assert (slope[1:] - slope[:-1]).abs().max() > 0.5


@pytest.mark.parametrize("name", ["tan", "", "silut:", "silut:big", "relu:2"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InputError, match="there is no activation function"):
        find_activation(name)
