"""Models with random weights, and with statistics and biases that all affect predictions."""

from __future__ import annotations

from typing import Any

import torch

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.slotted import SlottedDescriptor
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel


class Uniform:
    """Generator of uniform random tensors, float64."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator, dtype=torch.float64)


def random_model(config: ModelConfig, seed: int = 1, fixed_slots: bool = False, **parts: Any) -> PotentialModel:
    """Return a potential with random weights, statistics and biases; parts: arguments of `PotentialModel`."""
    uniform = Uniform(seed)
    model = PotentialModel(config, fixed_slots=fixed_slots, generator=uniform.generator, **parts)
    _with_statistics(model, uniform)
    model.bias.copy_(uniform(-2, 2, len(config.type_map)))
    return model


def random_tensor_model(config: ModelConfig, seed: int = 1, fixed_slots: bool = False) -> TensorModel:
    """Return a tensor model with random weights, statistics and shifts."""
    uniform = Uniform(seed)
    model = TensorModel(config, fixed_slots=fixed_slots, generator=uniform.generator)
    _with_statistics(model, uniform)
    if isinstance(model.fitting, PolarFitting) and model.fitting.config.shift_diag:
        model.fitting.shift.copy_(uniform(0.5, 2, len(config.type_map)))
    return model


def _with_statistics(model: AtomicModel, uniform: Uniform) -> None:
    for part in model.descriptor.parts:
        if isinstance(part, SlottedDescriptor | SeAtten):
            davg, dstd = torch.zeros_like(part.davg), uniform(0.2, 0.5, *part.dstd.shape)
            davg[:, 0] = uniform(0.05, 0.3, len(davg))
            if isinstance(part, SeAtten) and not part.config.fades_types:
                davg.zero_()
            dstd[:, 2:] = dstd[:, 1:2]
            part.with_statistics(davg, dstd)
    for name in ("fparam", "aparam"):
        getattr(model.fitting, f"{name}_mean").fill_(0.3)
        getattr(model.fitting, f"{name}_scale").fill_(1.6)
