"""Activation functions, by the names that DeePMD-kit gives them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp
from typing import Annotated

import torch
from pydantic import AfterValidator
from torch import Tensor
from torch.nn import functional as F

from deepaw.errors import InputError
from deepaw.inputfile import refusing

Activation = Callable[[Tensor], Tensor]

SILUT_THRESHOLD = 3.0
"""Where `silut` leaves silu, when its name does not say."""


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _linear(x: Tensor) -> Tensor:
    return x


def silut(x: Tensor, threshold: float) -> Tensor:
    """silu(x) below the threshold, tanh with the same value and slope there above it (bounded, once differentiable)."""
    sigmoid = 1 / (1 + exp(-threshold))
    slope = sigmoid + threshold * sigmoid * (1 - sigmoid)
    beyond = torch.tanh(slope * (x - threshold)) + threshold * sigmoid
    return torch.where(x < threshold, F.silu(x), beyond)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "relu6": F.relu6,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "gelu": _gelu,
    "gelu_tf": _gelu,
    "silu": F.silu,
    "none": _linear,
    "linear": _linear,
}


SMOOTH = frozenset({"tanh", "softplus", "sigmoid", "gelu", "gelu_tf", "silu", "none", "linear"})
"""Those without kinks, whose nets polynomials converge to fast."""


def find_activation(name: str) -> Activation:
    """The function of this name, case ignored; `silut` and `custom_silu` take a threshold, as in `silut:10.0`.

    Raises InputError: there is none of this name.
    """
    lower = name.lower()
    if lower in ACTIVATIONS:
        return ACTIVATIONS[lower]
    kind, colon, threshold = lower.partition(":")
    if kind in ("silut", "custom_silu"):
        try:
            return partial(silut, threshold=float(threshold) if colon else SILUT_THRESHOLD)
        except ValueError:
            pass
    raise InputError(f"there is no activation function {name!r}; it should be one of {', '.join(ACTIVATIONS)}, silut:T")


def _checked(name: str) -> str:
    with refusing():
        find_activation(name)
    return name


ActivationName = Annotated[str, AfterValidator(_checked)]
"""A name that `find_activation` knows, for sections of input files."""
