"""What can be minimised, by the `type` of the section `loss`. A new loss is its file and a line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Tag

from deepaw.inputfile import chosen_by
from deepaw.potential.fitting.base import NetsConfig
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.training.loss import EnergyLoss, EnergyLossInput
from deepaw.potential.training.tensor_loss import TensorLoss, TensorLossInput

LossInput = Annotated[
    Annotated[EnergyLossInput, Tag("ener")] | Annotated[TensorLossInput, Tag("tensor")], chosen_by("type", "ener")
]
"""The section `loss`."""

Loss = EnergyLoss | TensorLoss


def make_loss(section: EnergyLossInput | TensorLossInput, fitting: NetsConfig, start_lr: float) -> Loss:
    """The loss that a section asks for, of what a fitting net predicts, for a training that starts at this rate."""
    if isinstance(section, TensorLossInput):
        assert isinstance(fitting, TensorConfig)
        return TensorLoss(section, fitting.label)
    return EnergyLoss(section, start_lr)


def check_loss(section: EnergyLossInput | TensorLossInput, fitting: NetsConfig) -> None:
    """Raise ValueError unless the loss is one of what the fitting net predicts."""
    is_tensor = isinstance(fitting, TensorConfig)
    if is_tensor != isinstance(section, TensorLossInput):
        needed = "tensor" if is_tensor else "ener"
        name = fitting.model_dump()["type"]
        raise ValueError(f'loss.type is "{section.type}"; for model.fitting_net.type "{name}" it should be "{needed}"')
