"""Losses by the `type` of the input section `loss`. A new loss is a module and a line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Tag

from deepaw.inputfile import chosen_by
from deepaw.potential.fitting.base import NetsConfig
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.training.loss import EnergyLoss, EnergyLossInput
from deepaw.potential.training.tensor_loss import TensorLoss, TensorLossInput

LossInput = Annotated[
    Annotated[EnergyLossInput, Tag("ener")]
    | Annotated[EnergyLossInput, Tag("ener_hess")]
    | Annotated[TensorLossInput, Tag("tensor")],
    chosen_by("type", "ener"),
]
"""Input section `loss`."""

Loss = EnergyLoss | TensorLoss


def make_loss(section: EnergyLossInput | TensorLossInput, fitting: NetsConfig, start_lr: float) -> Loss:
    """Return the loss of an input section for the quantity of a fitting net; start_lr: initial learning rate."""
    if isinstance(section, TensorLossInput):
        assert isinstance(fitting, TensorConfig)
        return TensorLoss(section, fitting.label)
    return EnergyLoss(section, start_lr)


def check_loss(section: EnergyLossInput | TensorLossInput, fitting: NetsConfig) -> None:
    """Raise ValueError unless the loss is one of the quantity of the fitting net."""
    is_tensor = isinstance(fitting, TensorConfig)
    if is_tensor != isinstance(section, TensorLossInput):
        needed = "tensor" if is_tensor else "ener"
        name = fitting.model_dump()["type"]
        raise ValueError(f'loss.type is "{section.type}"; for model.fitting_net.type "{name}" it should be "{needed}"')
