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
from deepaw.potential.neighbours.slots import SlotTable

Geometry = list[tuple[Tensor, Tensor]]
"""For each table the vectors of the slots (3, n, slots) and the neighbours in them (n, slots)."""

PairForces = list[tuple[Tensor, Tensor, Tensor]]
"""For each table dE/dr and r of every slot, (3, n, slots) each, and the neighbours (n, slots)."""


class Block:
    """Centres of one type: a kernel for each part of the descriptor.

    rcut: A, of the model. kernels: one for each part of the descriptor. largest_tile: as of these.
    """

    def __init__(self, rcut: float, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        self._kernels = kernels
        self.sizes = [kernel.size for kernel in kernels]
        limits = [kernel.largest_tile for kernel in kernels if kernel.largest_tile is not None]
        self.largest_tile = min(limits) if limits else None
        self._features = [size.features for size in self.sizes]
        self._dtype = dtype
        self._beyond = 2 * rcut

    def _there(
        self, tables: Sequence[SlotTable], first: int, last: int
    ) -> tuple[list[Tensor], list[tuple[int, Any]], Geometry]:
        """Features of atoms first ... last - 1, (n, features) of each part; of each part its table and what its kernel
        keeps; and the geometry.

        tables: one for each part; parts that share a table follow one another.
        """
        features: list[Tensor] = []
        kept: list[tuple[int, Any]] = []
        geometry: Geometry = []
        for number, (table, kernel) in enumerate(zip(tables, self._kernels, strict=True)):
            if number == 0 or table is not tables[number - 1]:
                pair, spare, widths = table.slots(first, last)
                vector = table.env.vector.index_select(0, pair.view(-1)).to(self._dtype)
                vector = vector.T.contiguous().view(3, *pair.shape)
                vector[0].masked_fill_(spare, self._beyond)
                distance = (vector * vector).sum(0).sqrt_()
                geometry.append((vector, table.env.neighbour.index_select(0, pair.view(-1)).view_as(pair)))
            of_part, needed = kernel.there(vector, distance, widths, table.count[first:last])
            features.append(of_part)
            kept.append((len(geometry) - 1, needed))
        return features, kept, geometry

    def _back(
        self,
        gradient: Tensor,
        kept: Sequence[tuple[int, Any]],
        geometry: Geometry,
        of_vectors: Sequence[Tensor | None] | None = None,
    ) -> PairForces:
        """From the gradient of all features (n, features), and of the vectors of each part where there are any."""
        forces: list[Tensor | None] = [None] * len(geometry)
        parts = zip(self._kernels, kept, gradient.split(self._features, dim=1), strict=True)
        for number, (kernel, (where, needed), of_features) in enumerate(parts):
            of_part = None if of_vectors is None else of_vectors[number]
            more = kernel.back(of_features, needed) if of_part is None else kernel.back(of_features, needed, of_part)
            before = forces[where]
            forces[where] = more if before is None else before + more
        return [
            (force, vector, neighbour)
            for force, (vector, neighbour) in zip(forces, geometry, strict=True)
            if force is not None
        ]


class EnergyBlock(Block):
    """With the fitting net of energies that reads the features.

    model: in float64.
    """

    def __init__(self, model: PotentialModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        super().__init__(model.rcut, kernels, dtype)
        layers: list[Any] = list(model.fitting.net(kind).layers)
        beside = first_weights(layers[0])[model.descriptor.width :]
        self._fitting = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), beside, dtype)
        self._alone = partial(model.fitting.alone, kind)

    def __call__(
        self, tables: Sequence[SlotTable], first: int, last: int, beside: Tensor | None
    ) -> tuple[Tensor, PairForces]:
        """Outputs (n,) of the fitting net for atoms first ... last - 1, all of this type, and their derivatives.

        tables: one for each part; parts that share a table follow one another. beside: (n, parameters).
        """
        features, kept, geometry = self._there(tables, first, last)
        outputs, gradient = self._fitting(features[0] if len(features) == 1 else torch.cat(features, dim=1), beside)
        return outputs - self._alone(beside), self._back(gradient, kept, geometry)
