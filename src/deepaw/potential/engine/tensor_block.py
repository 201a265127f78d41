"""Tensors of atoms of one type, a tile of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.block import Block, PairForces
from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.neighbours.slots import SlotTable
from deepaw.potential.network.layer import Layer


class TensorBlock(Block):
    """With the fitting net that weighs the vectors of the descriptor.

    With Y the directions of the parts, one block each, the vectors are T = Y^T V, V (functions, 3). Where what is
    predicted is linear in the outputs for T, the last layer takes Y in, and the vectors are V themselves.

    model: in float64.
    """

    def __init__(self, model: TensorModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(model.rcut, kernels, dtype)
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
        self, tables: Sequence[SlotTable], first: int, last: int, beside: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, list[PairForces]]:
        """Tensors (n, *shape), float64, of atoms first ... last - 1, all of this type, and derivatives of sums of them.

        tables, beside: as of `EnergyBlock`. weights: (nsums, n, *shape), of the sums.
        """
        features, kept, geometry = self._there(tables, first, last)
        outputs, slopes = self._net.there(features[0] if len(features) == 1 else torch.cat(features, dim=1), beside)
        wanted = len(weights) > 0
        vectors = [
            kernel.vectors(needed).detach().requires_grad_(wanted) if kernel.directions is not None else None
            for kernel, (_, needed) in zip(self._kernels, kept, strict=True)
        ]
        leaves = [each for each in vectors if each is not None]
        with torch.set_grad_enabled(wanted):
            outputs = outputs.detach().requires_grad_(wanted)
            V = leaves[0] if len(leaves) == 1 else torch.cat(leaves, dim=1)
            T = V if self._directions is None else self._directions.T @ V
            tensors = self._fitting.assembled(self._kind, outputs, T)
        found = []
        for of_sum in weights:
            of_outputs, *of_leaves = torch.autograd.grad(tensors, [outputs, *leaves], of_sum, retain_graph=True)
            each = iter(of_leaves)
            of_vectors = [None if vector is None else next(each) for vector in vectors]
            found.append(self._back(self._net.back(of_outputs, slopes), kept, geometry, of_vectors))
        return tensors.detach(), found


def _last_layer(model: TensorModel, last: Layer, directions: Tensor) -> Layer | None:
    """The last layer with the directions in it, or None where what it gives is not linear in them."""
    assert last.b is not None
    w, b = (model.fitting.turned(each.detach(), directions) for each in (last.w, last.b))
    if w is None or b is None:
        return None
    changed = Layer(w.shape[0], w.shape[1], activation=last.activation, dtype=w.dtype)
    changed.w.data, changed.b = w, torch.nn.Parameter(b)
    return changed.requires_grad_(False)
