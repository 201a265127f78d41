"""Dipoles or polarizabilities of a batch, differentiable in the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.descriptor.form import Form
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.training.batch import Batch


def predict_tensors(
    model: TensorModel,
    batch: Batch,
    forms: Sequence[Form],
    *,
    fparam: Tensor | None = None,
    aparam: Tensor | None = None,
    compute: torch.dtype | None = None,
) -> Tensor:
    """Tensors of atoms (natoms, *shape), float64, in the batch's order: what `deepaw.potential.exact_tensors` says of
    each frame, from what was prepared of positions.

    forms: one for each part of the descriptor, which its geometry was made with. fparam, aparam: (natoms, ...) in the
    batch's order. compute: of the products of fitting nets (`network.products`). What is returned has a graph where
    gradients are enabled.
    """
    beside = model.fitting.parameters_of(len(batch.atoms), fparam, aparam)
    of_atoms = [None] * len(batch.counts) if beside is None else beside.split(batch.counts)
    rows: list[list[Tensor]] = [[] for _ in batch.counts]
    vectors: list[list[Tensor]] = [[] for _ in batch.counts]
    for part, form, geometry in zip(model.descriptor.parts, forms, batch.parts, strict=True):
        if part.channels:
            for kind, (D, T) in enumerate(form.rows_and_vectors(part, geometry, geometry.variables, batch.counts)):
                rows[kind].append(D)
                vectors[kind].append(T)
        else:
            for kind, D in enumerate(form.rows(part, geometry, geometry.variables, batch.counts)):
                rows[kind].append(D)
    found = []
    for kind, count in enumerate(batch.counts):
        if kind in model.selected and count:
            D, T = torch.cat(rows[kind], dim=1), torch.cat(vectors[kind], dim=1)
            found.append(model.fitting.of_type(kind, D, T, of_atoms[kind], compute))
        else:
            found.append(torch.zeros(count, *model.shape, dtype=torch.float64, device=batch.atoms.device))
    return torch.cat(found)
