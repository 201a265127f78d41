"""What a model predicts of a batch, in the order of the frames, as its loss takes it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from deepaw.potential.descriptor.form import Form
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.training.labels import Predictions
from deepaw.potential.training.passes import KeptPasses
from deepaw.potential.training.prepared import PreparedBatch
from deepaw.potential.training.step import predict
from deepaw.potential.training.tensor_step import predict_tensors


def predictions_of(
    model: AtomicModel,
    forms: Sequence[Form],
    prepared: PreparedBatch,
    *,
    virial: bool = False,
    compute: torch.dtype | None = None,
    kept: KeptPasses | None = None,
) -> Predictions:
    """Energies, forces and, if asked for, virials, or tensors.

    forms: one for each part of the descriptor. compute, kept: as of `predict`. What is returned has a graph
    where gradients are enabled.
    """
    batch, back = prepared.batch, prepared.back
    beside = {"fparam": prepared.fparam, "aparam": prepared.aparam}
    if isinstance(model, TensorModel):
        atom_tensor = predict_tensors(model, batch, forms, **beside, compute=compute)
        tensor = atom_tensor.new_zeros(len(batch.natoms), *model.shape).index_add(0, batch.frame, atom_tensor)
        return Predictions(tensor=tensor, atom_tensor=atom_tensor[back])
    assert isinstance(model, PotentialModel)
    found = predict(model, batch, forms, virial=virial, **beside, compute=compute, kept=kept)
    return Predictions(found.energy, found.force[back], found.virial, found.atom_energy[back])
