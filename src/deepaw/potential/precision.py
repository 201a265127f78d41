"""Names of floating-point types in input files."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["default", "float64", "float32", "float16", "bfloat16", "double", "single", "half"]

_DTYPES = {
    "default": torch.float64,
    "float64": torch.float64,
    "double": torch.float64,
    "float32": torch.float32,
    "single": torch.float32,
    "float16": torch.float16,
    "half": torch.float16,
    "bfloat16": torch.bfloat16,
}


def dtype_of(precision: Precision) -> torch.dtype:
    """Return the torch dtype of a name; `default` is float64."""
    return _DTYPES[precision]
