"""All that is computed for atoms of one type, a tile of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.model import PotentialModel
from deepaw.potential.neighbours.slots import SlotTable


class TypeBlock:
    """Centres of one type: a kernel for each part of the descriptor, and the fitting net that reads them.

    model: in float64. kernels: one for each part of the descriptor.
    """

    def __init__(self, model: PotentialModel, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> None:
        layers: list[Any] = list(model.fitting.net(kind).layers)
        self._kernels = kernels
        self.sizes = [kernel.size for kernel in kernels]
        self._features = [size.features for size in self.sizes]
        self._dtype = dtype
        self._beyond = 2 * model.rcut
        beside = first_weights(layers[0])[model.descriptor.width :]
        self._fitting = FoldedFitting(layers, torch.cat([kernel.weights for kernel in kernels]), beside, dtype)
        self._alone = partial(model.fitting.alone, kind)

    def __call__(
        self, tables: Sequence[SlotTable], first: int, last: int, beside: Tensor | None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
        """Outputs (n,) of the fitting net for atoms first ... last - 1, all of this type.

        tables: one for each part; parts that share a table follow one another. beside: (n, parameters).
        Also returns, for each table, dE/dr and r of every slot, (3, n, slots) each, and the neighbours (n, slots).
        """
        features, kept, geometry = [], [], []
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
        outputs, gradient = self._fitting(features[0] if len(features) == 1 else torch.cat(features, dim=1), beside)
        forces: list[Tensor | None] = [None] * len(geometry)
        for kernel, (where, needed), of_features in zip(
            self._kernels, kept, gradient.split(self._features, dim=1), strict=True
        ):
            more = kernel.back(of_features, needed)
            before = forces[where]
            forces[where] = more if before is None else before + more
        return outputs - self._alone(beside), [
            (force, vector, neighbour)
            for force, (vector, neighbour) in zip(forces, geometry, strict=True)
            if force is not None
        ]
