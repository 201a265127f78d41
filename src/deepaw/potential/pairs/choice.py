"""Choice between the implementations of the pair operator."""

from __future__ import annotations

import torch

from deepaw.native.library import find_library
from deepaw.potential.pairs.compiled import BYTES, CompiledPairOperator
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.operator import PairOperator
from deepaw.potential.pairs.reference import TorchPairOperator


def make_operator(form: PairForm, dtype: torch.dtype, device: torch.device | None = None) -> PairOperator:
    """Return the compiled operator for a CPU if there is one, or else that of PyTorch.

    device: where tables and gradients are, by default the CPU.
    """
    library = find_library() if device is None or device.type == "cpu" else None
    if library is None or dtype not in BYTES:
        return TorchPairOperator(form, dtype)
    return CompiledPairOperator(form, dtype, library)
