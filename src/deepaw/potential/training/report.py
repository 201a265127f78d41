"""Progress of a training, as lines of text and in its learning curve."""

from __future__ import annotations

import time
from collections.abc import Callable

from deepaw.potential.training.curve import LearningCurve
from deepaw.potential.training.setup import Setup

Say = Callable[[str], None]


class Report:
    """Report of one training; call `start` before `line`.

    Args:
        setup: of the training.
        curve: learning curve, or None if this process does not write it.
        say: receives lines of text.
    """

    def __init__(self, setup: Setup, curve: LearningCurve | None, say: Say) -> None:
        self._setup, self._curve, self._say = setup, curve, say

    def announce(self, weights: int, step: int, processes: int) -> None:
        """Report data, numbers of weights and processes, and the steps to do, after `step` steps."""
        setup = self._setup
        frames = sum(system.nframes for system in setup.training.systems)
        text = f"{frames} frames of {len(setup.training.systems)} systems to learn from"
        if setup.validation is not None:
            text += f", {sum(system.nframes for system in setup.validation.systems)} to validate on"
        text += f"; {weights:,} weights; {setup.steps} steps"
        if step:
            text += f", of which {step} are done"
        if processes > 1:
            text += f"; {processes} processes"
        self._say(text)

    def start(self, step: int) -> None:
        """Start the clock at a step."""
        self._last = (step, time.monotonic())

    def line(self, step: int, training: dict[str, float], validation: dict[str, float] | None, rate: float) -> None:
        """Report the errors after a step, by name, the speed, and the time left."""
        if self._curve is not None:
            self._curve.append(step, training, validation, rate)
        last_step, last_time = self._last
        now = time.monotonic()
        speed = (step - last_step) / max(now - last_time, 1e-9)
        self._last = (step, now)
        setup = self._setup
        text = f"step {step}/{setup.steps}  train {_format_errors(training)}"
        if validation is not None:
            text += f"  validation {_format_errors(validation)}"
        self._say(f"{text}  lr {rate:.1e}  {speed:.1f} steps/s  {_duration((setup.steps - step) / speed)} left")


def _format_errors(errors: dict[str, float]) -> str:
    return " ".join(f"{name} {errors[name]:.2e}" for name in sorted(errors) if name != "rmse")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
