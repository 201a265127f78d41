"""How well a model does on structures it does not learn from, estimated from a fixed sample of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from deepaw.density.data.example import Example
from deepaw.density.training.objective import Objective, nmae
from deepaw.density.training.probes import ProbeSource


@dataclass(frozen=True)
class Validation:
    """Per structure: NMAE as a fraction, and the relative error of the electron count."""

    nmae: NDArray[np.float64]
    electrons: NDArray[np.float64]


@torch.no_grad()
def validate(
    objective: Objective, examples: Sequence[Example], sources: dict[str, ProbeSource], probes: int, seed: int
) -> Validation:
    """The same points of a structure are used every time: differences between two calls are those of the weights."""
    errors, electrons = [], []
    objective.begin_step()
    for number, example in enumerate(examples):
        source = sources[example.name]
        drawn = source.draw(probes, np.random.default_rng([seed, 2, number]))
        (density,) = objective.densities([(example.atoms, drawn)])
        errors.append(float(nmae(density, drawn.density, source.mean)))
        off = float((density - drawn.density.to(density)).mean())
        electrons.append(off * example.atoms.cell.volume / example.electron_count())
    return Validation(np.array(errors), np.array(electrons))
