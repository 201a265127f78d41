"""What reading a component of a file gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.inputfile import Section


@dataclass(frozen=True)
class DescriptorPart:
    """config: the descriptor's section. load: fills the module made from that section with the file's weights and
    statistics. width: of its rows."""

    config: Section
    load: Callable[[nn.Module], None]
    width: int


@dataclass(frozen=True)
class FittingPart:
    """config and load: as of a descriptor. bias: (ntypes,), eV, what it adds to the energies of atoms by itself."""

    config: Section
    load: Callable[[nn.Module], None]
    bias: Tensor


def precision_name(dtype: torch.dtype) -> str:
    """`float64` and so on, as files call it; raises InputError for bfloat16, which NumPy and HDF5 do not know."""
    if dtype == torch.bfloat16:
        raise InputError(
            "Networks in bfloat16 cannot be written for DeePMD-kit; keep this model in a .safetensors file."
        )
    return str(dtype).removeprefix("torch.")
