"""Training of three-body descriptors in the spectral form (`deepaw.potential.descriptor.dotproducts`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.descriptor.kernel import Geometry, TrainingKernel
from deepaw.potential.neighbours.slots import Slots, slots_of
from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.neighbours.table import NeighbourTable


class TriplePart(Protocol):
    """A descriptor of dot products of the rows of two neighbours.

    excluded: (ntypes, ntypes) bool. dstd: (ntypes, 4), standard deviations of rows.
    """

    config: Any
    excluded: Tensor
    dstd: Tensor

    @property
    def dtype(self) -> torch.dtype:
        """Numbers of the nets."""

    def coefficients(self, basis: DotBasis) -> Tensor:
        """C, (pairs of types, K, M)."""


@dataclass(frozen=True)
class TripleGeometry(Geometry):
    """Neighbours of n atoms in slots; rows, ratio and bend are 0 in slots left over and for excluded neighbours.

    moments: S, (n, pairs of types, K). scale: 1 / dstd of the atom's type, (n, 3). rows: R, (n, 3, slots).
    unit: r / |r|, (n, 3, slots). ratio: h = s / (r + protection), bend: r dh/dr, (n, slots). basis: of the moments.
    """

    slots: Slots
    moments: Tensor
    scale: Tensor
    rows: Tensor
    unit: Tensor
    ratio: Tensor
    bend: Tensor
    basis: DotBasis

    @property
    def variables(self) -> Tensor:
        return self.moments

    @property
    def rows_by_type(self) -> tuple[Tensor, ...]:
        """Rows of the neighbours of each type, (n, 3, slots of the type)."""
        return self.rows.split(self.slots.widths, dim=2)


@dataclass(frozen=True)
class TripleKernel(TrainingKernel[TripleGeometry]):
    """Moments of a basis of dot products."""

    basis: DotBasis

    def prepare(self, part: TriplePart, table: NeighbourTable) -> TripleGeometry:
        config, dtype = part.config, part.dtype
        slots = slots_of(table, 2 * config.rcut)
        r = slots.distance
        reach = r + config.env_protection
        w, dw = switch(r, config.rcut_smth, config.rcut), switch_derivative(r, config.rcut_smth, config.rcut)
        widths = torch.tensor(slots.widths, device=r.device)
        seen = ~part.excluded[table.types].repeat_interleave(widths, dim=1)
        h = w / reach**2 * seen
        bend = r * (dw / reach**2 * seen - 2 * h / reach)
        scale = 1 / part.dstd[table.types, 1:]
        rows = ((slots.vector * h).transpose(0, 1) * scale.unsqueeze(2)).contiguous()
        return TripleGeometry(
            slots=slots,
            moments=self.basis.moments(rows.split(slots.widths, dim=2)).to(dtype),
            scale=scale.to(dtype),
            rows=rows.to(dtype),
            unit=(slots.vector / r).transpose(0, 1).contiguous().to(dtype),
            ratio=h.to(dtype),
            bend=bend.to(dtype),
            basis=self.basis,
        )

    def rows(
        self, part: TriplePart, geometry: TripleGeometry, variables: Tensor, counts: Sequence[int]
    ) -> list[Tensor]:
        C = part.coefficients(self.basis).flatten(0, 1)
        return list((variables.flatten(1) @ C).split(list(counts)))

    def grad_vector(self, geometry: TripleGeometry, gradient: Tensor) -> Tensor:
        result: Tensor = _PairGradient.apply(gradient, geometry)
        return result


class _PairGradient(torch.autograd.Function):
    """dE/dr of every pair from dE/dS, and its transpose."""

    @staticmethod
    def forward(ctx: Any, grad_moments: Tensor, geometry: TripleGeometry) -> Tensor:
        ctx.geometry = geometry
        grad_rows = torch.cat(geometry.basis.gradient(geometry.rows_by_type, grad_moments), dim=2)
        u = grad_rows * geometry.scale.unsqueeze(2)
        along = geometry.bend * (u * geometry.unit).sum(1)
        grad_slots = torch.addcmul(geometry.unit * along.unsqueeze(1), u, geometry.ratio.unsqueeze(1))
        return geometry.slots.to_pairs(grad_slots.transpose(0, 1))

    @staticmethod
    def backward(ctx: Any, tangent_vector: Tensor) -> tuple[Tensor | None, ...]:
        geometry: TripleGeometry = ctx.geometry
        tangent = geometry.slots.from_pairs(tangent_vector).transpose(0, 1)
        along = geometry.bend * (geometry.unit * tangent).sum(1)
        turned = torch.addcmul(geometry.unit * along.unsqueeze(1), tangent, geometry.ratio.unsqueeze(1))
        tangent_rows = turned * geometry.scale.unsqueeze(2)
        widths = geometry.slots.widths
        return geometry.basis.tangent(geometry.rows_by_type, tangent_rows.split(widths, dim=2)), None
