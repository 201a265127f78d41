"""All that is computed for atoms of one type, a tile of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.table import NeighbourTable

PairGradients = list[tuple[NeighbourTable, Tensor]]
"""For each table of neighbours dE/dr of its pairs, (3, npairs)."""


class Block:
    """Kernels of centres of one type, one for each part of the descriptor.

    dtype: numbers that neighbours are wanted in. largest_tile: as of the kernels.
    """

    def __init__(self, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        self._kernels = kernels
        self.dtype = dtype
        self.sizes = [kernel.size for kernel in kernels]
        limits = [kernel.largest_tile for kernel in kernels if kernel.largest_tile is not None]
        self.largest_tile = min(limits) if limits else None
        self._features = [size.features for size in self.sizes]

    def _forward(self, tables: Sequence[NeighbourTable]) -> tuple[Tensor, list[Any]]:
        """Features (n, features) of all parts, and what each kernel saved; tables: one for each part."""
        results = [kernel.forward(table) for kernel, table in zip(self._kernels, tables, strict=True)]
        features = [features for features, _ in results]
        return features[0] if len(features) == 1 else torch.cat(features, dim=1), [saved for _, saved in results]

    def _backward(
        self,
        grad_features: Tensor,
        saved: Sequence[Any],
        tables: Sequence[NeighbourTable],
        grad_vectors: Sequence[Tensor | None] | None = None,
    ) -> PairGradients:
        """From the gradient of all features (n, features), and of the vectors of each part where there are any."""
        gradients: dict[int, tuple[NeighbourTable, Tensor]] = {}
        parts = zip(self._kernels, saved, tables, grad_features.split(self._features, dim=1), strict=True)
        for number, (kernel, kept, table, columns) in enumerate(parts):
            part = kernel.backward(columns, kept, None if grad_vectors is None else grad_vectors[number])
            before = gradients.get(id(table))
            gradients[id(table)] = (table, part if before is None else before[1] + part)
        return list(gradients.values())


class EnergyBlock(Block):
    """Kernels with the fitting net of energies that reads their features.

    model: in float64.
    """

    def __init__(self, model: PotentialModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(kernels, dtype)
        layers: list[Any] = list(model.fitting.net(kind).layers)
        beside = first_weights(layers[0])[model.descriptor.width :]
        self._fitting = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), beside, dtype)
        self._alone = partial(model.fitting.alone, kind)

    def __call__(
        self, tables: Sequence[NeighbourTable], beside: Tensor | None, factor: Tensor | None = None
    ) -> tuple[Tensor, PairGradients]:
        """Outputs (n,) of the fitting net for atoms of this type, and derivatives of their sum.

        tables: neighbours, one table for each part. beside: (n, parameters). factor: (n,), what each atom counts by in
        the derivatives.
        """
        features, saved = self._forward(tables)
        outputs, gradient = self._fitting(features, beside, factor)
        return outputs - self._alone(beside), self._backward(gradient, saved, tables)
