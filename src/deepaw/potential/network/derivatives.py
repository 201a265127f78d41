"""First and second derivatives of the smooth activation functions, for passes that are written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi, sqrt

import torch
from torch import Tensor

from deepaw.potential.network.activation import Activation, find_activation
from deepaw.potential.network.tanh import fill_tanh

Derivatives = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""phi'(z) and phi''(z) from z and phi(z), element by element."""

Filling = Callable[[Tensor, Tensor, Tensor, Tensor], None]
"""From z and three tensors like it, which become phi(z), phi'(z) and phi''(z)."""


def _tanh(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    first = torch.square(value).neg_().add_(1)
    return first, (value * first).mul_(-2)


def _sigmoid(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    first = value * (1 - value)
    return first, first * (1 - 2 * value)


def _softplus(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    first = torch.sigmoid(z)
    return first, first * (1 - first)


def _silu(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    sigmoid = torch.sigmoid(z)
    return sigmoid + value * (1 - sigmoid), sigmoid * (1 - sigmoid) * (2 + z * (1 - 2 * sigmoid))


def _gelu(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    # value = z / 2 (1 + tanh u), u = sqrt(2 / pi) (z + 0.044715 z^3)
    scale, cubic = sqrt(2 / pi), 0.044715
    t = torch.tanh(scale * (z + cubic * z**3))
    dt = 1 - t.square()
    du, ddu = scale * (1 + 3 * cubic * z.square()), 6 * scale * cubic * z
    return (1 + t) / 2 + z / 2 * dt * du, dt * du + z / 2 * dt * (ddu - 2 * t * du.square())


def _linear(z: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ones_like(z), torch.zeros_like(z)


DERIVATIVES: dict[str, Derivatives] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": _silu,
    "gelu": _gelu,
    "gelu_tf": _gelu,
    "none": _linear,
    "linear": _linear,
}
"""By names as in `ACTIVATIONS`."""


def find_filling(name: str) -> Filling:
    """Of the activation function of this name, which is in DERIVATIVES, case ignored."""
    lower = name.lower()
    return fill_tanh if lower == "tanh" else partial(_fill, find_activation(lower), DERIVATIVES[lower])


def _fill(
    function: Activation, derivatives: Derivatives, z: Tensor, value: Tensor, first: Tensor, second: Tensor
) -> None:
    value.copy_(function(z))
    for found, out in zip(derivatives(z, value), (first, second), strict=True):
        out.copy_(found)
