"""Predictions of a model for a batch, in the order of the frames, as input of a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.training.frames import LabelledBatch
from deepaw.potential.training.labels import Predictions
from deepaw.potential.training.passes import Passes, PassesCache
from deepaw.potential.training.step import predict
from deepaw.potential.training.tensor_step import predict_tensors


def predict_batch(
    model: AtomicModel,
    kernels: Sequence[TrainingKernel[Any]],
    prepared: LabelledBatch,
    *,
    virial: bool = False,
    compute: torch.dtype | None = None,
    cache: PassesCache | None = None,
) -> Predictions:
    """Predict energies, forces and optionally virials, or tensors.

    kernels: one for each part of the descriptor. compute, cache: as of `predict`. The results are differentiable if
    gradients are enabled.
    """
    batch, original_order = prepared.batch, prepared.original_order
    parameters = {"fparam": prepared.fparam, "aparam": prepared.aparam}
    if isinstance(model, TensorModel):
        atom_tensor = predict_tensors(model, batch, kernels, **parameters, compute=compute)
        tensor = atom_tensor.new_zeros(len(batch.natoms), *model.shape).index_add(0, batch.frame, atom_tensor)
        return Predictions(tensor=tensor, atom_tensor=atom_tensor[original_order])
    assert isinstance(model, PotentialModel)
    prediction = predict(model, batch, kernels, virial=virial, **parameters, compute=compute, cache=cache)
    return Predictions(
        prediction.energy,
        prediction.force[original_order],
        prediction.virial,
        prediction.atom_energy[original_order],
    )


@torch.no_grad()
def backward_passes(
    model: PotentialModel, prepared: LabelledBatch, passes: Passes, grad_predictions: Predictions
) -> None:
    """Compute the gradients of the weights from those of the predictions of `predict_batch`.

    Call after `predict_batch` with these passes and gradients disabled, if `depends_on_nets_only` is true.
    """
    batch, grad = prepared.batch, grad_predictions
    assert grad.energy is not None and grad.atom_energy is not None and grad.force is not None
    grad_energy = (grad.energy[batch.frame] + grad.atom_energy[batch.atoms]) * model.type_mask[batch.types]
    grad_virial = grad.force.new_zeros(len(batch.natoms), 3, 3) if grad.virial is None else grad.virial
    passes.backward(grad_energy, grad.force[batch.atoms], grad_virial)


def depends_on_nets_only(model: AtomicModel, prepared: LabelledBatch) -> bool:
    """Whether energies are functions of the nets alone, without a table of pair energies or `atom_ener`."""
    fitting = model.fitting.config
    atom_ener = fitting.atom_ener if isinstance(fitting, EnergyFittingConfig) else ()
    return prepared.batch.mixture is None and all(energy is None for energy in atom_ener)
