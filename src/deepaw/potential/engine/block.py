"""All that is computed for atoms of one type, a tile of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.engine.fitting import FoldedFitting, first_weights
from deepaw.potential.engine.folding import fold
from deepaw.potential.engine.pairs import PairKernel
from deepaw.potential.engine.precision import Budget
from deepaw.potential.model import PotentialModel
from deepaw.potential.neighbours.slots import SlotTable
from deepaw.spectral import ChebyshevBasis


class FoldSize(NamedTuple):
    """polynomials: of the basis. functions: that are left of the columns of all embedding nets (`Fold`). features: what
    the first layer reads, instead of the descriptor's `width`."""

    polynomials: int
    functions: int
    features: int
    width: int


class TypeBlock:
    """Centres of one type: a kernel for each part of the descriptor, and the fitting net that reads them.

    model: in float64. parts: of its descriptor. bases: one for each part.
    """

    def __init__(
        self,
        model: PotentialModel,
        parts: Sequence[PairwiseDescriptor],
        kind: int,
        bases: Sequence[ChebyshevBasis],
        budget: Budget,
    ) -> None:
        layers = list(model.fitting.nets[kind].layers)  # type: ignore[arg-type]
        weights = first_weights(layers[0])
        self._axes, self._kernels, first, start = [], [], [], 0
        for part, basis in zip(parts, bases, strict=True):
            folded = fold(part, kind, basis, weights[start : start + part.width], budget.tolerance)
            start += part.width
            self._kernels.append(PairKernel(part, kind, basis, folded, budget.dtype))
            self._axes.append(folded.axes)
            first.append(folded.weights)
        self._sizes = [len(part) for part in first]
        self.sizes = [
            FoldSize(basis.size, kernel.r, features, part.width)
            for part, basis, kernel, features in zip(parts, bases, self._kernels, self._sizes, strict=True)
        ]
        self._dtype = budget.dtype
        self._beyond = 2 * model.rcut
        self._fitting = FoldedFitting(layers, torch.cat(first), weights[start:], budget.dtype)
        self._alone = partial(model.fitting.alone, kind)

    def __call__(
        self, tables: Sequence[SlotTable], first: int, last: int, beside: Tensor | None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
        """Outputs (n,) of the fitting net for atoms first ... last - 1, all of this type.

        tables: one for each part; parts that share a table follow one another. beside: (n, parameters).
        Also returns, for each table, dE/dr and r of every slot, (3, n, slots) each, and the neighbours (n, slots).
        """
        moments, kept, geometry = [], [], []
        for number, (table, kernel) in enumerate(zip(tables, self._kernels, strict=True)):
            if number == 0 or table is not tables[number - 1]:
                pair, spare, widths = table.slots(first, last)
                vector = table.env.vector.index_select(0, pair.view(-1)).to(self._dtype)
                vector = vector.T.contiguous().view(3, *pair.shape)
                vector[0].masked_fill_(spare, self._beyond)
                distance = (vector * vector).sum(0).sqrt_()
                geometry.append((vector, table.env.neighbour.index_select(0, pair.view(-1)).view_as(pair)))
            Q, needed = kernel.there(vector, distance, widths, table.count[first:last])
            moments.append(Q)
            kept.append((len(geometry) - 1, needed))
        features = [*map(_features, moments, self._axes)]
        outputs, gradient = self._fitting(features[0] if len(features) == 1 else torch.cat(features, dim=1), beside)
        forces: list[Tensor | None] = [None] * len(geometry)
        for kernel, Q, axes, (where, needed), of_features in zip(
            self._kernels, moments, self._axes, kept, gradient.split(self._sizes, dim=1), strict=True
        ):
            more = kernel.back(_features_back(of_features, Q, axes), needed)
            before = forces[where]
            forces[where] = more if before is None else before + more
        return outputs - self._alone(beside), [
            (force, vector, neighbour)
            for force, (vector, neighbour) in zip(forces, geometry, strict=True)
            if force is not None
        ]


def _features(Q: Tensor, axes: int) -> Tensor:
    """Q^T Q[:, :axes] flattened, (n, r axes), or Q itself where axes is 0."""
    if axes == 0:
        return Q.flatten(1)
    return torch.bmm(Q.transpose(1, 2), Q[:, :, :axes]).flatten(1)


def _features_back(gradient: Tensor, Q: Tensor, axes: int) -> Tensor:
    """dE/dQ from the gradient of `_features`."""
    if axes == 0:
        return gradient.view_as(Q)
    G = gradient.view(len(Q), Q.shape[2], axes)
    result = torch.bmm(Q[:, :, :axes], G.transpose(1, 2))
    result[:, :, :axes] += torch.bmm(Q, G)
    return result
