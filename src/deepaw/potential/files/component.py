"""Results of reading the components of a model file: descriptors and fitting nets."""

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
    """Descriptor read from a file.

    config: section of the descriptor.
    load: loads weights and statistics of the file into the module of that section.
    width: width of the descriptor.
    channels: number of its vectors.
    shares_nets: whether one fitting net serves all types.
    types: section `type_embedding` of the model; None if the descriptor's section determines the type embedding.
    """

    config: Section
    load: Callable[[nn.Module], None]
    width: int
    channels: int = 0
    shares_nets: bool = False
    types: TypeEmbeddingConfig | None = None


@dataclass(frozen=True)
class FittingPart:
    """Fitting net read from a file.

    config: section of the fitting net.
    load: load(model, out_bias) loads the fitting nets and the biases of the file into the model of that section.
    outputs: number of entries of `out_bias` for each type.
    """

    config: Section
    load: Callable[[Any, np.ndarray], None]
    outputs: int


def precision_name(dtype: torch.dtype) -> str:
    """Return the name of a dtype in files, such as `float64`; raises InputError for bfloat16, which NumPy and HDF5 do
    not support."""
    if dtype == torch.bfloat16:
        raise InputError(
            "Networks in bfloat16 cannot be written for DeePMD-kit; keep this model in a .safetensors file."
        )
    return str(dtype).removeprefix("torch.")
