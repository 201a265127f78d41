"""Tensors of atoms of one type, a tile of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.block import Block, PairGradients
from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.network.layer import Layer


class TensorBlock(Block):
    """With the fitting net that weighs the vectors of the descriptor.

    With Y the directions of the parts, one block each, the vectors are T = Y^T V, V (functions, 3). Where what is
    predicted is linear in the outputs for T, the last layer takes Y in, and the vectors are V themselves.

    model: in float64.
    """

    def __init__(self, model: TensorModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(kernels, dtype)
        self._fitting, self._kind = model.fitting, kind
        self._shape = model.shape
        layers: list[Any] = list(model.fitting.net(kind).layers)
        directions = torch.block_diag(*(kernel.directions for kernel in kernels if kernel.directions is not None))
        last = _last_layer(model, layers[-1], directions) if len(layers) > 1 else None
        self._directions = directions.to(dtype) if last is None else None
        if last is not None:
            layers[-1] = last
        beside = first_weights(layers[0])[model.descriptor.width :]
        self._net = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), beside, dtype)

    def __call__(
        self, tables: Sequence[NeighbourTable], beside: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, list[PairGradients]]:
        """Tensors (n, *shape), float64, of atoms of this type, and derivatives of weighted sums of them.

        tables, beside: as of `EnergyBlock`. weights: of the sums, (nsums, n, *shape).
        """
        features, saved = self._forward(tables)
        outputs, slopes = self._net.forward(features, beside)
        differentiate = len(weights) > 0
        vectors = [
            kernel.vectors(kept).detach().requires_grad_(differentiate) if kernel.directions is not None else None
            for kernel, kept in zip(self._kernels, saved, strict=True)
        ]
        leaves = [leaf for leaf in vectors if leaf is not None]
        with torch.set_grad_enabled(differentiate):
            outputs = outputs.detach().requires_grad_(differentiate)
            V = leaves[0] if len(leaves) == 1 else torch.cat(leaves, dim=1)
            T = V if self._directions is None else self._directions.T @ V
            tensors = self._fitting.assembled(self._kind, outputs, T)
        derivatives = []
        for weight in weights:
            grad_outputs, *grad_leaves = torch.autograd.grad(tensors, [outputs, *leaves], weight, retain_graph=True)
            remaining = iter(grad_leaves)
            grad_vectors = [None if vector is None else next(remaining) for vector in vectors]
            gradient = self._net.backward(grad_outputs, slopes)
            derivatives.append(self._backward(gradient, saved, tables, grad_vectors))
        return tensors.detach(), derivatives


def _last_layer(model: TensorModel, last: Layer, directions: Tensor) -> Layer | None:
    """The last layer with the directions in it, or None where what it gives is not linear in them."""
    assert last.b is not None
    w, b = (model.fitting.turned(each.detach(), directions) for each in (last.w, last.b))
    if w is None or b is None:
        return None
    changed = Layer(w.shape[0], w.shape[1], activation=last.activation, dtype=w.dtype)
    changed.w.data, changed.b = w, torch.nn.Parameter(b)
    return changed.requires_grad_(False)
