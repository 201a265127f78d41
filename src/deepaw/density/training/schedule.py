"""Learning rate."""

from __future__ import annotations

from math import cos, pi

from deepaw.density.training.config import TrainingInput


def learning_rate(config: TrainingInput, step: int) -> float:
    """At a step counted from 0: linear warm-up, then a cosine from the first to the final rate."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return config.final_learning_rate + (config.learning_rate - config.final_learning_rate) * (
        0.5 * (1 + cos(pi * progress))
    )
