"""What a step learns from. Everything random follows from the seed and the step, so a restart needs no generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepaw.density.data.example import Example
from deepaw.density.training.probes import Probes, ProbeSource


def batch_of_step(train: Sequence[Example], size: int, seed: int, step: int) -> list[Example]:
    """The structures of a step counted from 0: every epoch goes through all of them in an order of its own."""
    chosen = []
    for position in range(step * size, (step + 1) * size):
        epoch, place = divmod(position, len(train))
        order = np.random.default_rng([seed, 3, epoch]).permutation(len(train))
        chosen.append(train[order[place]])
    return chosen


def probes_of_step(source: ProbeSource, count: int, seed: int, step: int, position: int) -> Probes:
    """Probes of the structure at a position of the step's batch, whichever part of it that is worked on in."""
    return source.draw(count, np.random.default_rng([seed, 0, step, position]))
