"""Dipoles or polarizabilities of a batch, differentiable with respect to the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.training.batch import Batch


def predict_tensors(
    model: TensorModel,
    batch: Batch,
    kernels: Sequence[TrainingKernel[Any]],
    *,
    fparam: Tensor | None = None,
    aparam: Tensor | None = None,
    compute: torch.dtype | None = None,
) -> Tensor:
    """Compute atomic tensors (natoms, *shape), float64, in the order of the batch.

    `deepaw.potential.exact_tensors` is the reference for one frame. kernels: one for each part of the descriptor.
    fparam, aparam: (natoms, ...) in the order of the batch. compute: dtype of the products of fitting nets
    (`network.products`). The result is differentiable if gradients are enabled.
    """
    parameters = model.fitting.normalised_parameters(len(batch.atoms), fparam, aparam)
    by_type = [None] * len(batch.counts) if parameters is None else parameters.split(batch.counts)
    rows: list[list[Tensor]] = [[] for _ in batch.counts]
    vectors: list[list[Tensor]] = [[] for _ in batch.counts]
    for part, kernel, table in zip(model.descriptor.parts, kernels, batch.tables, strict=True):
        geometry = kernel.prepare(part, table)
        if part.channels:
            parts_by_type = kernel.rows_and_vectors(part, geometry, geometry.variables, batch.counts)
            for kind, (D, T) in enumerate(parts_by_type):
                rows[kind].append(D)
                vectors[kind].append(T)
        else:
            for kind, D in enumerate(kernel.rows(part, geometry, geometry.variables, batch.counts)):
                rows[kind].append(D)
    tensors = []
    for kind, count in enumerate(batch.counts):
        if kind in model.selected_types and count:
            D, T = torch.cat(rows[kind], dim=1), torch.cat(vectors[kind], dim=1)
            tensors.append(model.fitting.evaluate_type(kind, D, T, by_type[kind], compute))
        else:
            tensors.append(torch.zeros(count, *model.shape, dtype=torch.float64, device=batch.atoms.device))
    return torch.cat(tensors)
