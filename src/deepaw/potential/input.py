"""Validation of `input.json` of potentials, in the format of DeePMD-kit, and completion with default values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from deepaw.inputfile import Section, read_input_file
from deepaw.outputfile import output_file
from deepaw.potential.descriptor.sel import check_excluded
from deepaw.potential.input_layout import current_layout
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.training.config import TrainingInput
from deepaw.potential.training.learning_rate import ExponentialRate, RateInput
from deepaw.potential.training.loss import EnergyLossInput
from deepaw.potential.training.losses import LossInput, check_loss
from deepaw.potential.training.optimizer import AdamInput, OptimizerInput


class ModelInput(ModelConfig):
    """The potential, and the sampling of the data for its statistics."""

    type_map: tuple[str, ...] = Field(
        (),
        description="the name of each type of atom, such as its element; without it types are the numbers of type.raw, "
        "whatever type_map.raw calls them, and the model has no names until it is given some",
    )
    data_stat_nbatch: int = Field(10, ge=1, description="batches of each system for the statistics")
    data_stat_protect: float = Field(1e-2, gt=0, description="lower bound of the standard deviation of fparam, aparam")
    data_bias_nsample: int = Field(
        10,
        ge=1,
        description="batches of each system for the second fit of the energies of types, with --finetune and after "
        "training",
    )

    @model_validator(mode="after")
    def _check_types(self) -> ModelInput:
        if self.type_map:
            self.check_types()
        return self

    def check_types(self) -> None:
        """Check the keys by type. Raises ValueError: one that does not fit `type_map`, or a name given twice."""
        types = len(self.type_map)
        self.descriptor.check_types(types)
        self.fitting_net.check_types(types)
        check_excluded(self.atom_exclude_types, types)
        check_excluded([number for pair in self.pair_exclude_types for number in pair], types)
        if len(set(self.type_map)) < types:
            raise ValueError(f"type_map is {list(self.type_map)}; each name should be there once")

    def config(self) -> ModelConfig:
        """Return the configuration of the potential, without the keys of the statistics; needs a `type_map`."""
        return ModelConfig(**{name: getattr(self, name) for name in ModelConfig.model_fields})


class PotentialInput(Section):
    """The complete input file; keys that begin with _ are comments."""

    model: ModelInput = Field(description="descriptor, fitting net and additional terms of the potential")
    learning_rate: RateInput = Field(ExponentialRate(), description="learning-rate schedule")
    optimizer: OptimizerInput = Field(AdamInput(), description="optimization algorithm")
    loss: LossInput = Field(EnergyLossInput(), description="loss function")
    training: TrainingInput = Field(description="data sets, number of steps, and output files")

    @model_validator(mode="after")
    def _check_loss(self) -> PotentialInput:
        check_loss(self.loss, self.model.fitting_net)
        return self

    @model_validator(mode="after")
    def _check_warmup(self) -> PotentialInput:
        steps = self.training.numb_steps
        if steps is not None and self.learning_rate.warmup_steps >= max(steps, 1):
            raise ValueError(
                f"learning_rate.warmup_steps is {self.learning_rate.warmup_steps}; it should be less than "
                f"training.numb_steps, {steps}"
            )
        return self


def read_potential_input(path: str | Path) -> PotentialInput:
    """Read and validate an `input.json`; DeePMD-kit's keys without effect are dropped with a warning.

    Raises InputError: everything `read_input_file` raises, or a key of DeePMD-kit that is not supported.
    """
    return read_input_file(path, PotentialInput, current_layout)


def completed_input(settings: PotentialInput) -> dict[str, Any]:
    """Return the input with every default filled in; reading it gives equal settings."""
    return settings.model_dump(mode="json")


def write_completed_input(settings: PotentialInput, path: str | Path) -> None:
    """Write the result of `completed_input` as JSON. Raises InputError: everything `output_file` raises."""
    with output_file(path) as temporary:
        temporary.write_text(json.dumps(completed_input(settings), indent=4) + "\n", encoding="utf-8")
