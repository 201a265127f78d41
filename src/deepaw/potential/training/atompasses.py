"""The passes of a share of a batch's atoms, from moments to energies and forces, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepaw.potential.descriptor.forces import Maps, forces_of, moments_of
from deepaw.potential.descriptor.geometry import PairGeometry
from deepaw.potential.descriptor.pairmaps import PairMaps
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.passes import Columns, ContractionPasses
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.network.passes import NetPasses
from deepaw.potential.training.batch import Batch


class AtomPasses:
    """Through a model, for atoms first ... last - 1 of batches, in memory of their own: `forward`, `backward`."""

    def __init__(
        self,
        model: PotentialModel,
        of_all: Sequence[int],
        contractions: Sequence[type[ContractionPasses]],
        coefficients: Sequence[Tensor],
        weights: Sequence[Tensor] | None,
        compute: torch.dtype | None,
        first: int,
        last: int,
    ) -> None:
        """of_all: atoms of each type of a batch. contractions, coefficients: of each part of the descriptor. weights:
        of first layers, as of `NetPasses`. compute: as of `predict`."""
        maps = PairMaps(keeps=True)
        self._first, self._last, self._maps = first, last, Maps(maps.gradient, maps.tangent)
        counts, start = [], 0
        for count in of_all:
            counts.append(max(0, min(last, start + count) - max(first, start)))
            start += count
        self._whole = last - first == start
        nets = [model.fitting.net(kind) for kind in range(len(counts))]
        self.nets = NetPasses(nets, counts, compute, weights)
        widths = [
            kind.width_of(part, C.shape[1])
            for kind, part, C in zip(contractions, pairwise_parts(model), coefficients, strict=True)
        ]
        self._width = sum(widths)
        places = (self.nets.x, self.nets.x_dot, self.nets.g, self.nets.h)
        columns = zip(*(rows[:, : self._width].split(widths, dim=1) for rows in places), strict=True)
        self.parts = [
            kind(part, C, counts, Columns(*of_part))
            for kind, part, C, of_part in zip(contractions, pairwise_parts(model), coefficients, columns, strict=True)
        ]

    def forward(
        self, batch: Batch, factor: Tensor, beside: Tensor | None, virial: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the nets say of these atoms, and what they add to forces and virials."""
        first, last, nets = self._first, self._last, self.nets
        self._geometries = [
            part if self._whole else part.share(first, last) for part in batch.parts if isinstance(part, PairGeometry)
        ]
        self._frame = batch.frame[first:last] if virial else None
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            part.B.view(geometry.moments.shape).copy_(geometry.moments)
            part.value()
        if beside is not None:
            nets.x[:, self._width :] = beside[first:last]
        nets.factor.copy_(factor[first:last])
        values = nets.value()
        nets.gradient()
        found = []
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            part.gradient()
            of_B = part.of_B.view(geometry.moments.shape)
            found.append(forces_of(geometry, of_B, self._frame, len(batch.natoms), first, len(batch.atoms), self._maps))
        forces, virials = zip(*found, strict=True)
        return values, sum(forces[1:], forces[0]), sum(virials[1:], virials[0])

    def backward(self, e: Tensor, of_force: Tensor, of_virial: Tensor) -> None:
        """dJ/dC of each part; the nets are ready for `GradientsOfWeights`."""
        nets = self.nets
        for part, geometry in zip(self.parts, self._geometries, strict=True):
            B_dot = moments_of(geometry, of_force, of_virial, self._frame, self._first, self._maps)
            part.B_dot.view(B_dot.shape).copy_(B_dot)
            part.tangent()
        nets.x_dot[:, self._width :] = 0
        nets.e.copy_(e[self._first : self._last])
        nets.reverse()
        for part in self.parts:
            part.reverse()


def pairwise_parts(model: PotentialModel) -> list[PairwiseDescriptor]:
    """Those of its descriptor that have embedding nets of one neighbour."""
    return [part for part in model.descriptor.parts if isinstance(part, PairwiseDescriptor)]
