"""What a training says while it goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepaw.density.occupancies.errors import ElementError
from deepaw.density.training.curve import CurvePoint
from deepaw.density.training.validation import Validation


def curve_point(
    step: int,
    losses: Sequence[float],
    known: Validation,
    unseen: Validation,
    rate: float,
    seconds: float,
    occupancies: Sequence[ElementError],
) -> CurvePoint:
    """A line of the curve: losses since the line before, and errors on the validation set and the types left out.

    occupancies: on the validation set.
    """
    return CurvePoint(
        step,
        mean(np.array(losses)),
        mean(known.nmae),
        float(np.median(known.nmae)) if len(known.nmae) else float("nan"),
        float(known.nmae.max()) if len(known.nmae) else float("nan"),
        mean(np.abs(known.electrons)),
        mean(unseen.nmae),
        rate,
        seconds,
        {error.symbol: error.error for error in occupancies},
    )


def progress_line(point: CurvePoint, steps: int, steps_per_second: float) -> str:
    """The same for people, with the time that the rest of the `steps` takes."""
    text = f"step {point.step}/{steps}  train {100 * point.train:.3f} %"
    if np.isfinite(point.val_mean):
        text += f"  validation {100 * point.val_mean:.3f} % (worst {100 * point.val_worst:.2f})"
    if np.isfinite(point.out):
        text += f"  left out {100 * point.out:.3f} %"
    return f"{text}  {steps_per_second:.1f} steps/s  {_duration((steps - point.step) / steps_per_second)} left"


def mean(values: NDArray[np.float64]) -> float:
    """Mean, nan of nothing."""
    return float(values.mean()) if len(values) else float("nan")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
