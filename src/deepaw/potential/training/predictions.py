"""What a model predicts of a batch, in the order of the frames, as its loss takes it."""

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
from deepaw.potential.training.passes import KeptPasses, Passes
from deepaw.potential.training.step import predict
from deepaw.potential.training.tensor_step import predict_tensors


def predictions_of(
    model: AtomicModel,
    kernels: Sequence[TrainingKernel[Any]],
    prepared: LabelledBatch,
    *,
    virial: bool = False,
    compute: torch.dtype | None = None,
    kept: KeptPasses | None = None,
) -> Predictions:
    """Energies, forces and, if asked for, virials, or tensors.

    kernels: one for each part of the descriptor. compute, kept: as of `predict`. What is returned has a graph
    where gradients are enabled.
    """
    batch, back = prepared.batch, prepared.back
    beside = {"fparam": prepared.fparam, "aparam": prepared.aparam}
    if isinstance(model, TensorModel):
        atom_tensor = predict_tensors(model, batch, kernels, **beside, compute=compute)
        tensor = atom_tensor.new_zeros(len(batch.natoms), *model.shape).index_add(0, batch.frame, atom_tensor)
        return Predictions(tensor=tensor, atom_tensor=atom_tensor[back])
    assert isinstance(model, PotentialModel)
    found = predict(model, batch, kernels, virial=virial, **beside, compute=compute, kept=kept)
    return Predictions(found.energy, found.force[back], found.virial, found.atom_energy[back])


@torch.no_grad()
def differentiate_passes(model: PotentialModel, prepared: LabelledBatch, passes: Passes, of: Predictions) -> None:
    """The gradients of the weights that `passes` keeps, of a loss with these derivatives in what `predictions_of` gave.

    For models of which `is_alone` is true, after `predictions_of` with these passes and no graph.
    """
    batch = prepared.batch
    assert of.energy is not None and of.atom_energy is not None and of.force is not None
    e = (of.energy[batch.frame] + of.atom_energy[batch.atoms]) * model.contributes[batch.types]
    virial = of.force.new_zeros(len(batch.natoms), 3, 3) if of.virial is None else of.virial
    passes.backward(e, of.force[batch.atoms], virial)


def is_alone(model: AtomicModel, prepared: LabelledBatch) -> bool:
    """Whether what the nets say of atoms is all that energies depend on: no table, no given energies of atoms."""
    fitting = model.fitting.config
    given = fitting.atom_ener if isinstance(fitting, EnergyFittingConfig) else ()
    return prepared.batch.mixture is None and all(energy is None for energy in given)
