"""Kernels and fitting net of tensors of one type of atom: forward and backward for a tile of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.block import Block, PairGradients
from deepaw.potential.engine.fitting import FoldedFitting, input_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.network.layer import Layer


class TensorBlock(Block):
    """Kernels with the fitting net whose outputs are weights of the vectors of the descriptor.

    With Y the block-diagonal matrix of the directions of the parts, the vectors are T = Y^T V, V (functions, 3). If the
    outputs can be projected on Y (`TensorFitting.project_outputs`), the last layer absorbs Y, and V replaces T.

    model: in float64.
    """

    def __init__(self, model: TensorModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(kernels, dtype)
        self._fitting, self._kind = model.fitting, kind
        self._shape = model.shape
        layers: list[Any] = list(model.fitting.net(kind).layers)
        directions = torch.block_diag(*(kernel.directions for kernel in kernels if kernel.directions is not None))
        last = _last_layer(model, layers[-1], directions) if len(layers) > 1 else None
        self.directions = directions.to(dtype) if last is None else None
        if last is not None:
            layers[-1] = last
        parameter_weights = input_weights(layers[0])[model.descriptor.width :]
        self.net = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), parameter_weights, dtype)

    def __call__(
        self, tables: Sequence[NeighbourTable], parameters: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, list[PairGradients]]:
        """Compute tensors (n, *shape), float64, of atoms of this type, and derivatives of weighted sums of them.

        tables, parameters: as of `EnergyBlock`. weights: of the sums, (nsums, n, *shape).
        """
        features, saved = self._forward(tables)
        outputs, slopes = self.net.forward(features, parameters)
        differentiate = len(weights) > 0
        vectors = [
            kernel.vectors(saved_part).detach().requires_grad_(differentiate) if kernel.directions is not None else None
            for kernel, saved_part in zip(self.kernels, saved, strict=True)
        ]
        leaves = [leaf for leaf in vectors if leaf is not None]
        with torch.set_grad_enabled(differentiate):
            outputs = outputs.detach().requires_grad_(differentiate)
            V = leaves[0] if len(leaves) == 1 else torch.cat(leaves, dim=1)
            T = V if self.directions is None else self.directions.T @ V
            tensors = self._fitting.assemble_tensors(self._kind, outputs, T)
        derivatives = []
        for weight in weights:
            grad_outputs, *grad_leaves = torch.autograd.grad(tensors, [outputs, *leaves], weight, retain_graph=True)
            remaining = iter(grad_leaves)
            grad_vectors = [None if vector is None else next(remaining) for vector in vectors]
            gradient = self.net.backward(grad_outputs, slopes)
            derivatives.append(self._backward(gradient, saved, tables, grad_vectors))
        return tensors.detach(), derivatives


def _last_layer(model: TensorModel, last: Layer, directions: Tensor) -> Layer | None:
    """Return the last layer with its outputs projected on the directions, or None if there is no such form."""
    assert last.b is not None
    w, b = (model.fitting.project_outputs(weight.detach(), directions) for weight in (last.w, last.b))
    if w is None or b is None:
        return None
    projected = Layer(w.shape[0], w.shape[1], activation=last.activation, dtype=w.dtype)
    projected.w.data, projected.b = w, torch.nn.Parameter(b)
    return projected.requires_grad_(False)
