"""Energies of types of a trained model, fitted to data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepaw.errors import InputError
from deepaw.potential.data.scan import Progress
from deepaw.potential.data.system import System
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.frames import engine_frame
from deepaw.potential.longrange.labels import subtract_long_range
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.setup import Setup
from deepaw.potential.training.statistics import sampled_frames, set_energies, shift_energies
from deepaw.potential.training.step import predict


@torch.no_grad()
def refit_bias(setup: Setup) -> None:
    """Shift `model.bias` by the least-squares fit of labels minus predicted energies, of
    `data_bias_nsample` batches. A model of tensors is not changed.
    """
    model = setup.model
    if not isinstance(model, PotentialModel):
        return
    training = setup.training
    sizes, batches = training.sampler.sizes, setup.settings.model.data_bias_nsample
    indices = [
        (system, index)
        for system, index in sampled_frames(training.systems, sizes, batches)
        if "energy" in training.systems[system].labels
    ]
    predicted = []
    for frame in indices:
        prepared = training.frames.batch([frame])
        prediction = predict(model, prepared.batch, setup.kernels, fparam=prepared.fparam, aparam=prepared.aparam)
        predicted.append(float(prediction.energy))
    frames = [training.systems[system].frame(index) for system, index in indices]
    shift_energies(model, frames, np.array(predicted))


def shift_bias(
    model: PotentialModel, systems: Sequence[System], max_frames: int | None, progress: Progress | None = None
) -> None:
    """Shift `model.bias` by the least-squares fit of labels minus predicted energies.

    systems: with the model's type map. max_frames: of each system, evenly spread; None for all. progress: called with
    the numbers of frames done and of all frames.

    Raises InputError: no system has energies, or any error of the engine.
    """
    indices = _labelled_frames(systems, max_frames)
    engine = PotentialEngine(model)
    frames, predicted = [], []
    for number, index in indices:
        frames.append(systems[number].frame(index))
        try:
            predicted.append(float(engine.evaluate(engine_frame(model, frames[-1])).energy))
        except InputError as error:
            raise InputError(f"{systems[number].name}, frame {index + 1}: {error}") from None
        if progress is not None:
            progress(len(frames), len(indices))
    shift_energies(model, frames, np.array(predicted))


def set_bias(model: PotentialModel, systems: Sequence[System], max_frames: int | None) -> None:
    """Set `model.bias` to the least-squares fit of the energies of frames, as a training does before its first step.

    systems, max_frames: as for `shift_bias`. Raises InputError: no system has energies.
    """
    indices = _labelled_frames(systems, max_frames)
    if model.modifier is not None:
        systems = subtract_long_range(model.modifier, systems)
    set_energies(model, (systems[number].frame(index) for number, index in indices))


def _labelled_frames(systems: Sequence[System], max_frames: int | None) -> list[tuple[int, int]]:
    """Return (system, frame) of the frames to fit to."""
    longest = max(system.nframes for system in systems)
    sampled = sampled_frames(systems, [1] * len(systems), longest if max_frames is None else max_frames)
    indices = [(number, index) for number, index in sampled if "energy" in systems[number].labels]
    if not indices:
        raise InputError(f"{systems[0].name} has no energy.npy to fit the energies of types to.")
    return indices
