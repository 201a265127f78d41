"""Input section `training`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from deepaw.inputfile import Section
from deepaw.potential.data.config import DataInput, ValidationDataInput


class MixedPrecisionInput(Section):
    """Matrix products of fitting nets with factors of 16 bits, in training steps. All else, including validation, is in
    float32, which `precision` of model.descriptor and model.fitting_net has to be."""

    output_prec: Literal["float32"] = Field("float32", description="of weights, sums and the optimiser")
    compute_prec: Literal["float16", "bfloat16"] = Field(
        "float16", description="of the factors in matrix products; on CPUs only bfloat16 is faster than float32"
    )


class TrainingInput(Section):
    """Data, number of steps, and output files, which are written to the working directory."""

    training_data: DataInput = Field(description="what to learn from")
    validation_data: ValidationDataInput | None = Field(None, description="what to test on")
    numb_steps: int | None = Field(None, ge=0, description="optimisation steps, a batch each; this or num_epoch")
    num_epoch: float | None = Field(
        None,
        gt=0,
        description="how often to go through training_data: the steps are so many times the largest number of batches "
        "of a system divided by its probability, rounded up",
    )
    seed: int | None = Field(None, description="of initial weights and batches; a random one where it is not given")
    disp_file: str = Field("lcurve.out", min_length=1, description="file for the learning curve")
    disp_freq: int = Field(1000, ge=1, description="steps between two lines of the learning curve")
    save_freq: int = Field(1000, ge=1, description="steps between two checkpoints")
    save_ckpt: str = Field("model.ckpt", min_length=1, description="what the names of checkpoints begin with")
    max_ckpt_keep: int = Field(5, ge=1, description="checkpoints that are kept, the latest ones")
    mixed_precision: MixedPrecisionInput | None = Field(
        None, description="shorter numbers in the fitting nets, while training"
    )
    change_bias_after_training: bool = Field(
        False, description="at the end, fit the energies of the types once more to what the trained model gets wrong"
    )
    gradient_max_norm: float = Field(0.0, ge=0, description="the norm that gradients are cut to; 0 leaves them")
    enable_ema: bool = Field(False, description="keep a moving average of the weights, and checkpoints of it")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="weight of the average before in the new one")
    ema_ckpt_keep: int | None = Field(
        None, ge=1, description="checkpoints of averages that are kept; max_ckpt_keep where it is not given"
    )

    @model_validator(mode="after")
    def _has_one_length(self) -> TrainingInput:
        if self.numb_steps is not None and self.num_epoch is not None:
            raise ValueError("numb_steps and num_epoch are both given; keep one of them")
        if self.numb_steps is None and self.num_epoch is None:
            raise ValueError("numb_steps is missing; give it, or num_epoch")
        return self
