"""Dipoles or polarizabilities of a batch, differentiable in the weights."""

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
    """Tensors of atoms (natoms, *shape), float64, in the batch's order: what `deepaw.potential.exact_tensors` says of
    each frame, from what was prepared of positions.

    kernels: one for each part of the descriptor, which its geometry was made with. fparam, aparam: (natoms, ...) in the
    batch's order. compute: of the products of fitting nets (`network.products`). What is returned has a graph where
    gradients are enabled.
    """
    beside = model.fitting.normalised_parameters(len(batch.atoms), fparam, aparam)
    of_atoms = [None] * len(batch.counts) if beside is None else beside.split(batch.counts)
    rows: list[list[Tensor]] = [[] for _ in batch.counts]
    vectors: list[list[Tensor]] = [[] for _ in batch.counts]
    for part, kernel, table in zip(model.descriptor.parts, kernels, batch.tables, strict=True):
        geometry = kernel.prepare(part, table)
        if part.channels:
            described = kernel.rows_and_vectors(part, geometry, geometry.variables, batch.counts)
            for kind, (D, T) in enumerate(described):
                rows[kind].append(D)
                vectors[kind].append(T)
        else:
            for kind, D in enumerate(kernel.rows(part, geometry, geometry.variables, batch.counts)):
                rows[kind].append(D)
    found = []
    for kind, count in enumerate(batch.counts):
        if kind in model.selected_types and count:
            D, T = torch.cat(rows[kind], dim=1), torch.cat(vectors[kind], dim=1)
            found.append(model.fitting.evaluate_type(kind, D, T, of_atoms[kind], compute))
        else:
            found.append(torch.zeros(count, *model.shape, dtype=torch.float64, device=batch.atoms.device))
    return torch.cat(found)
