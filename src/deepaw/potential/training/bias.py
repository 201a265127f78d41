"""Refit of the energies of types to the errors of a trained model."""

from __future__ import annotations

import numpy as np
import torch

from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.setup import Setup
from deepaw.potential.training.statistics import sampled_frames, shift_energies
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
