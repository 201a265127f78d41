"""The energies of types, fitted once more to what a model with weights gets wrong."""

from __future__ import annotations

import numpy as np
import torch

from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.setup import Setup
from deepaw.potential.training.statistics import sampled_frames, shift_energies
from deepaw.potential.training.step import predict


@torch.no_grad()
def fit_bias_again(setup: Setup) -> None:
    """Shift `model.bias` by the least-squares fit of energies given less predicted, of `data_bias_nsample` batches.

    A model of tensors stays as it is.
    """
    model = setup.model
    if not isinstance(model, PotentialModel):
        return
    training = setup.training
    sizes, batches = training.sampler.sizes, setup.settings.model.data_bias_nsample
    chosen = [
        (system, index)
        for system, index in sampled_frames(training.systems, sizes, batches)
        if "energy" in training.systems[system].labels
    ]
    predicted = []
    for frame in chosen:
        prepared = training.frames.batch([frame])
        found = predict(model, prepared.batch, setup.kernels, fparam=prepared.fparam, aparam=prepared.aparam)
        predicted.append(float(found.energy))
    frames = [training.systems[system].frame(index) for system, index in chosen]
    shift_energies(model, frames, np.array(predicted))
