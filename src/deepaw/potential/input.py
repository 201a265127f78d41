"""`input.json` of potentials: what DeePMD-kit reads, checked and completed."""

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
    """The potential, and how its statistics are taken from the data."""

    data_stat_nbatch: int = Field(10, ge=1, description="batches of each system that the statistics are taken from")
    data_stat_protect: float = Field(1e-2, gt=0, description="the smallest standard deviation of fparam and aparam")
    data_bias_nsample: int = Field(
        10,
        ge=1,
        description="batches of each system that the energies of types are fitted to again, for --finetune and after "
        "training",
    )

    @model_validator(mode="after")
    def _types_are_those_of_the_map(self) -> ModelInput:
        types = len(self.type_map)
        self.descriptor.check_types(types)
        self.fitting_net.check_types(types)
        check_excluded(self.atom_exclude_types, types)
        check_excluded([number for pair in self.pair_exclude_types for number in pair], types)
        if len(set(self.type_map)) < types:
            raise ValueError(f"type_map is {list(self.type_map)}; each name should be there once")
        return self

    def config(self) -> ModelConfig:
        """The potential alone."""
        return ModelConfig(**{name: getattr(self, name) for name in ModelConfig.model_fields})


class PotentialInput(Section):
    """The whole file; keys that begin with _ are comments."""

    model: ModelInput = Field(description="what the potential is made of")
    learning_rate: RateInput = Field(ExponentialRate(), description="how long the steps are, along the training")
    optimizer: OptimizerInput = Field(AdamInput(), description="how gradients become steps")
    loss: LossInput = Field(EnergyLossInput(), description="what is minimised")
    training: TrainingInput = Field(description="on what, how long, and what is written")

    @model_validator(mode="after")
    def _loss_is_of_what_is_predicted(self) -> PotentialInput:
        check_loss(self.loss, self.model.fitting_net)
        return self

    @model_validator(mode="after")
    def _warm_up_ends(self) -> PotentialInput:
        steps = self.training.numb_steps
        if steps is not None and self.learning_rate.warmup_steps >= max(steps, 1):
            raise ValueError(
                f"learning_rate.warmup_steps is {self.learning_rate.warmup_steps}; it should be less than "
                f"training.numb_steps, {steps}"
            )
        return self


def read_potential_input(path: str | Path) -> PotentialInput:
    """Read and check an `input.json`; keys that are known and change nothing are left out with a warning.

    Raises InputError: everything `read_input_file` raises, or a key that DeePMD-kit knows and is not supported.
    """
    return read_input_file(path, PotentialInput, current_layout)


def complete(settings: PotentialInput) -> dict[str, Any]:
    """The input as it was understood, every default filled in; reading it gives the same settings."""
    return settings.model_dump(mode="json")


def write_complete(settings: PotentialInput, path: str | Path) -> None:
    """Write `complete` as JSON. Raises InputError: everything `output_file` raises."""
    with output_file(path) as temporary:
        temporary.write_text(json.dumps(complete(settings), indent=4) + "\n", encoding="utf-8")
