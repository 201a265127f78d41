"""Learning-rate schedules: the input section `learning_rate`.

The formulas are those of DeePMD-kit 3.2 (its documentation, "Learning rate"); `cosine_restarts` is Loshchilov and
Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, eq. 5.
"""

from __future__ import annotations

from abc import abstractmethod
from math import cos, exp, log, pi
from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from deepaw.errors import InputError
from deepaw.inputfile import Section, chosen_by

DEFAULT_STOP_LR = 5e-8
"""Default of stop_lr."""

SMALLEST = 1e-10
"""Lower bound of `stop_lr` where its logarithm is taken."""


class RateSection(Section):
    """Keys of all schedules: rates at the start and the end, and a warm-up, a linear rise in the first steps."""

    start_lr: float = Field(1e-3, gt=0, description="the rate after the warm-up")
    stop_lr: float | None = Field(
        None, ge=0, description="the rate at the end; 5e-8 where neither this nor stop_lr_ratio is given"
    )
    stop_lr_ratio: float | None = Field(None, gt=0, description="stop_lr / start_lr, instead of stop_lr")
    warmup_steps: int = Field(0, ge=0, description="steps until start_lr is reached")
    warmup_ratio: float | None = Field(
        None, ge=0, lt=1, description="warmup_steps / numb_steps, instead of warmup_steps"
    )
    warmup_start_factor: float = Field(0.0, ge=0, description="the rate of the very first step, in units of start_lr")
    scale_by_worker: Literal["linear", "sqrt", "none"] = Field(
        "none", description="how the rate of a step grows with the number of processes that train together"
    )

    @model_validator(mode="after")
    def _check_alternatives(self) -> RateSection:
        if self.stop_lr is not None and self.stop_lr_ratio is not None:
            raise ValueError("stop_lr and stop_lr_ratio are both given; keep one of them")
        if self.warmup_steps and self.warmup_ratio is not None:
            raise ValueError("warmup_steps and warmup_ratio are both given; keep one of them")
        return self

    @property
    def final_lr(self) -> float:
        """Learning rate at the end."""
        if self.stop_lr_ratio is not None:
            return self.start_lr * self.stop_lr_ratio
        return DEFAULT_STOP_LR if self.stop_lr is None else self.stop_lr

    def warmup(self, steps: int) -> int:
        """Return the number of warm-up steps of a training of `steps`.

        Raises InputError: the warm-up is not shorter than the training.
        """
        warmup = self.warmup_steps if self.warmup_ratio is None else int(self.warmup_ratio * steps)
        if warmup >= max(steps, 1):
            raise InputError(
                f"learning_rate.warmup_steps is {warmup}; it should be less than the {steps} steps of the training."
            )
        return warmup

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of step `step`, from 0, of a training of `steps`; after its end the last rate.

        Raises InputError: as `warmup`.
        """
        warmup = self.warmup(steps)
        if step < warmup:
            factor = self.warmup_start_factor
            return self.start_lr * (factor + (1 - factor) * step / warmup)
        return self._decayed(step - warmup, steps)

    def scale(self, workers: int) -> float:
        """Return the factor of the rate for `workers` processes that train together."""
        return {"linear": float(workers), "sqrt": workers**0.5, "none": 1.0}[self.scale_by_worker]

    @abstractmethod
    def _decayed(self, step: int, steps: int) -> float:
        """Return the rate at a step counted from the end of the warm-up."""


class ExponentialRate(RateSection):
    """start_lr * r^floor(step / decay_steps), not below stop_lr; r takes it to stop_lr at the last step."""

    type: Literal["exp"] = "exp"
    decay_steps: int = Field(
        5000,
        ge=1,
        description="steps between two decays; where it is no less than the steps there are, and decay_rate is not "
        "given, about a hundredth of these, 100 at most, is taken instead",
    )
    decay_rate: float | None = Field(
        None, gt=0, le=1, description="r; where it is given, stop_lr is only the lower bound of the rate"
    )
    smooth: bool = Field(False, description="step / decay_steps in the exponent, without floor")

    def _decayed(self, step: int, steps: int) -> float:
        interval, ratio = self._decay(steps - self.warmup(steps))
        exponent = step / interval if self.smooth else step // interval
        return max(self.start_lr * ratio**exponent, self.final_lr)

    def _decay(self, steps: int) -> tuple[int, float]:
        """Return decay_steps and r for `steps` after the warm-up."""
        if self.decay_rate is not None:
            return self.decay_steps, self.decay_rate
        every = self.decay_steps
        if every >= steps:
            every = 100 if steps // 10 > 100 else steps // 100 + 1
        if steps == 0:
            return every, 1.0
        return every, exp(log(max(self.final_lr, SMALLEST) / self.start_lr) * every / steps)


class CosineRate(RateSection):
    """Half a cosine from start_lr down to stop_lr."""

    type: Literal["cosine"]

    def _decayed(self, step: int, steps: int) -> float:
        length = steps - self.warmup(steps)
        return self.start_lr if length == 0 else _cosine(self.start_lr, self.final_lr, step / length)


class CosineRestartsRate(RateSection):
    """Half cosines from start_lr to stop_lr, repeated."""

    type: Literal["cosine_restarts"]
    period: int = Field(ge=1, description="steps of the first half cosine")
    growth: int = Field(1, ge=1, description="how many times longer than the one before each following one is")

    def _decayed(self, step: int, steps: int) -> float:
        step = min(step, max(steps - self.warmup(steps) - 1, 0))
        period = self.period
        while step >= period:
            step -= period
            period *= self.growth
        return _cosine(self.start_lr, self.final_lr, step / period)


class StableRate(RateSection):
    """Warm-up, stable, decay: start_lr for most of the training, then a decay to stop_lr."""

    type: Literal["wsd"]
    decay_phase_ratio: float = Field(0.1, gt=0, le=1, description="part of the steps in which the rate falls")
    decay_type: Literal["inverse_linear", "cosine", "linear"] = Field("inverse_linear", description="how it falls")

    @model_validator(mode="after")
    def _check_stop_lr(self) -> StableRate:
        if self.final_lr == 0:
            raise ValueError("stop_lr is 0; it should be greater than 0 for wsd")
        return self

    def _decayed(self, step: int, steps: int) -> float:
        length = steps - self.warmup(steps)
        falling = max(1, min(int(self.decay_phase_ratio * steps), length))
        start, stop = self.start_lr, self.final_lr
        progress = min(max((step - (length - falling)) / falling, 0.0), 1.0)
        if self.decay_type == "inverse_linear":
            return 1 / (progress / stop + (1 - progress) / start)
        if self.decay_type == "cosine":
            return _cosine(start, stop, progress)
        return start + (stop - start) * progress


def _cosine(start: float, stop: float, progress: float) -> float:
    """Return the rate of a half cosine from start to stop; progress: from 0 to 1."""
    return stop + (start - stop) * 0.5 * (1 + cos(pi * min(progress, 1.0)))


RateInput = Annotated[
    Annotated[ExponentialRate, Tag("exp")]
    | Annotated[CosineRate, Tag("cosine")]
    | Annotated[CosineRestartsRate, Tag("cosine_restarts")]
    | Annotated[StableRate, Tag("wsd")],
    chosen_by("type", "exp"),
]
"""Input section `learning_rate`."""
