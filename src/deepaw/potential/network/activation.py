"""Activation functions by the names of DeePMD-kit."""

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
"""Default threshold of `silut`, where it leaves silu."""


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _linear(x: Tensor) -> Tensor:
    return x


def silut(x: Tensor, threshold: float) -> Tensor:
    """Compute silu(x) below the threshold, above it a tanh with the same value and slope there; bounded, once
    differentiable."""
    sigmoid = 1 / (1 + exp(-threshold))
    slope = sigmoid + threshold * sigmoid * (1 - sigmoid)
    above = torch.tanh(slope * (x - threshold)) + threshold * sigmoid
    return torch.where(x < threshold, F.silu(x), above)


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
"""Names of smooth activation functions: polynomials converge to nets of these fast."""


def find_activation(name: str) -> Activation:
    """Return the function of a name, case ignored; `silut` and `custom_silu` take a threshold, as in `silut:10.0`.

    Raises InputError: unknown name.
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


def _check_name(name: str) -> str:
    with refusing():
        find_activation(name)
    return name


ActivationName = Annotated[str, AfterValidator(_check_name)]
"""Name of an activation function, checked by `find_activation`, for sections of input files."""
