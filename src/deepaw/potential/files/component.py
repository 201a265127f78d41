"""What reading a component of a file gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.errors import InputError
from deepaw.inputfile import Section
from deepaw.potential.descriptor.type_embedding import TypeEmbeddingConfig


@dataclass(frozen=True)
class DescriptorPart:
    """config: the descriptor's section. load: fills the module made from that section with the file's weights and
    statistics. width: of its rows. channels: its vectors. shares_nets: one fitting net serves all types. types: of the
    model's type embedding, where it is not the descriptor's own."""

    config: Section
    load: Callable[[nn.Module], None]
    width: int
    channels: int = 0
    shares_nets: bool = False
    types: TypeEmbeddingConfig | None = None


@dataclass(frozen=True)
class FittingPart:
    """config: the fitting net's section. load: fills the fitting nets of the model made from that section, and what
    the model adds to them, from the file; its last argument is `out_bias`. outputs: numbers that `out_bias` has for
    each type."""

    config: Section
    load: Callable[[Any, np.ndarray], None]
    outputs: int


def precision_name(dtype: torch.dtype) -> str:
    """`float64` and so on, as files call it; raises InputError for bfloat16, which NumPy and HDF5 do not know."""
    if dtype == torch.bfloat16:
        raise InputError(
            "Networks in bfloat16 cannot be written for DeePMD-kit; keep this model in a .safetensors file."
        )
    return str(dtype).removeprefix("torch.")
