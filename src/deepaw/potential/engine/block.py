"""Kernels and fitting net of one type of atom: forward and backward for a tile of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.fitting import FoldedFitting, input_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.table import NeighbourTable

PairGradients = list[tuple[NeighbourTable, Tensor]]
"""Neighbour tables with dE/dr of their pairs, (3, npairs)."""


class Block:
    """Kernels of centres of one type, one for each part of the descriptor.

    dtype: of the neighbour vectors. largest_tile: largest number of atoms of a call, or None.
    net: fitting net that reads the features of all kernels. directions: (functions, channels), or None: vectors of the
        kernels times it are those that tensors are made of.
    """

    net: FoldedFitting
    directions: Tensor | None = None

    def __init__(self, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        self.kernels = kernels
        self.dtype = dtype
        self.sizes = [kernel.size for kernel in kernels]
        limits = [kernel.largest_tile for kernel in kernels if kernel.largest_tile is not None]
        self.largest_tile = min(limits) if limits else None
        self._features = [size.features for size in self.sizes]

    def _forward(self, tables: Sequence[NeighbourTable]) -> tuple[Tensor, list[Any]]:
        """Compute the features (n, features) of all parts, and what each kernel saved; tables: one for each part."""
        results = [kernel.forward(table) for kernel, table in zip(self.kernels, tables, strict=True)]
        features = [features for features, _ in results]
        return features[0] if len(features) == 1 else torch.cat(features, dim=1), [saved for _, saved in results]

    def _backward(
        self,
        grad_features: Tensor,
        saved: Sequence[Any],
        tables: Sequence[NeighbourTable],
        grad_vectors: Sequence[Tensor | None] | None = None,
    ) -> PairGradients:
        """Compute dE/dr of pairs from that of all features (n, features), and of the vectors of parts that have any."""
        gradients: dict[int, tuple[NeighbourTable, Tensor]] = {}
        parts = zip(self.kernels, saved, tables, grad_features.split(self._features, dim=1), strict=True)
        for number, (kernel, saved_part, table, columns) in enumerate(parts):
            grad_vector = kernel.backward(columns, saved_part, None if grad_vectors is None else grad_vectors[number])
            previous = gradients.get(id(table))
            gradients[id(table)] = (table, grad_vector if previous is None else previous[1] + grad_vector)
        return list(gradients.values())


class EnergyBlock(Block):
    """Kernels with the fitting net of energies that reads their features.

    model: in float64.
    """

    def __init__(self, model: PotentialModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(kernels, dtype)
        layers: list[Any] = list(model.fitting.net(kind).layers)
        parameter_weights = input_weights(layers[0])[model.descriptor.width :]
        self.net = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), parameter_weights, dtype)
        self._isolated_atom_energy = partial(model.fitting.isolated_atom_energy, kind)

    def __call__(
        self, tables: Sequence[NeighbourTable], parameters: Tensor | None, factor: Tensor | None = None
    ) -> tuple[Tensor, PairGradients]:
        """Compute outputs (n,) of the fitting net for atoms of this type, and derivatives of their sum.

        tables: neighbours, one table for each part. parameters: (n, parameters). factor: (n,), weight of each
        atom in the sum that is differentiated.
        """
        features, saved = self._forward(tables)
        outputs, gradient = self.net(features, parameters, factor)
        return outputs - self._isolated_atom_energy(parameters), self._backward(gradient, saved, tables)
