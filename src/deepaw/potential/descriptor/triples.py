"""Training of three-body descriptors in the spectral form (`deepaw.potential.descriptor.dotproducts`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.descriptor.forces import Maps, forces
from deepaw.potential.descriptor.form import Form, Geometry
from deepaw.potential.descriptor.switch import switch, switch_derivative
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.slots import slot_table

if TYPE_CHECKING:
    from deepaw.potential.descriptor.se_e3 import SeE3


@dataclass(frozen=True)
class TripleGeometry(Geometry):
    """Atoms with their neighbours in slots, those of type 0 first; in slots left over rows, ratio and bend are 0.

    moments: (natoms, pairs of types, K), S. scale: (natoms, 3), 1 / dstd of the atom's type. rows: (natoms, 3, slots),
    R. unit: (natoms, 3, slots), r / |r|. distance, A; ratio h = s / (r + protection); bend = r dh/dr: (natoms, slots).
    neighbour: (natoms, slots) int64. widths: slots of each type. basis: of the moments.
    """

    moments: Tensor
    scale: Tensor
    rows: Tensor
    unit: Tensor
    distance: Tensor
    ratio: Tensor
    bend: Tensor
    neighbour: Tensor
    widths: tuple[int, ...]
    basis: DotBasis

    @property
    def natoms(self) -> int:
        return len(self.moments)

    @property
    def nbytes(self) -> int:
        return sum(getattr(self, name).nbytes for name in (*_OF_ATOMS, *_OF_SLOTS))

    @property
    def variables(self) -> Tensor:
        return self.moments

    @property
    def by_type(self) -> tuple[Tensor, ...]:
        """The rows of the neighbours of each type."""
        return self.rows.split(self.widths, dim=2)

    def to(self, device: torch.device) -> TripleGeometry:
        moved: dict[str, Any] = {name: getattr(self, name).to(device) for name in (*_OF_ATOMS, *_OF_SLOTS)}
        return replace(self, **moved)

    def share(self, first: int, last: int) -> TripleGeometry:
        mine: dict[str, Any] = {name: getattr(self, name)[first:last] for name in (*_OF_ATOMS, *_OF_SLOTS)}
        return replace(self, **mine)

    def widened(self, widths: tuple[int, ...]) -> TripleGeometry:
        """The same with more slots for some types."""
        if widths == self.widths:
            return self

        def pad(value: Tensor) -> Tensor:
            parts = zip(value.split(self.widths, dim=-1), widths, strict=True)
            return torch.cat([F.pad(part, (0, width - part.shape[-1])) for part, width in parts], dim=-1)

        padded: dict[str, Any] = {name: pad(getattr(self, name)) for name in _OF_SLOTS}
        return replace(self, widths=widths, **padded)

    @classmethod
    def join(
        cls, geometries: Sequence[TripleGeometry], pieces: Sequence[tuple[int, slice]], moved: Sequence[Tensor]
    ) -> TripleGeometry:
        widths = tuple(max(counts) for counts in zip(*(each.widths for each in geometries), strict=True))
        wide = [each.widened(widths) for each in geometries]
        wide = [replace(each, neighbour=place[each.neighbour]) for each, place in zip(wide, moved, strict=True)]
        joined: dict[str, Any] = {
            name: torch.cat([getattr(wide[frame], name)[atoms] for frame, atoms in pieces])
            for name in (*_OF_ATOMS, *_OF_SLOTS)
        }
        return replace(wide[0], **joined)


_OF_ATOMS = ("moments", "scale")
_OF_SLOTS = ("rows", "unit", "distance", "ratio", "bend", "neighbour")


@dataclass(frozen=True)
class TripleForm(Form):
    """Moments of a basis of dot products."""

    basis: DotBasis

    def prepare(self, part: SeE3, env: Environment) -> TripleGeometry:
        config, natoms = part.config, env.natoms
        kept, _, _ = part.slotted(env)
        table = slot_table(kept, part.ntypes)
        pair, spare, widths = table.slots(0, natoms)
        vector = kept.vector.double()[pair.long()]
        vector[spare] = vector.new_tensor([2 * config.rcut, 0, 0])
        r = torch.linalg.vector_norm(vector, dim=-1)
        reach = r + config.env_protection
        w, dw = switch(r, config.rcut_smth, config.rcut), switch_derivative(r, config.rcut_smth, config.rcut)
        h = w / reach**2
        scale = 1 / part.dstd[env.types, 1:]
        rows = (vector * h.unsqueeze(2) * scale.unsqueeze(1)).transpose(1, 2).contiguous()
        dtype = part.dtype
        return TripleGeometry(
            moments=self.basis.moments(rows.split(widths, dim=2)).to(dtype),
            scale=scale.to(dtype),
            rows=rows.to(dtype),
            unit=(vector / r.unsqueeze(2)).transpose(1, 2).contiguous().to(dtype),
            distance=r.to(dtype),
            ratio=h.to(dtype),
            bend=(r * (dw / reach**2 - 2 * h / reach)).to(dtype),
            neighbour=kept.neighbour[pair.long()],
            widths=tuple(widths),
            basis=self.basis,
        )

    def rows(self, part: SeE3, geometry: TripleGeometry, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        C = part.coefficients(self.basis).flatten(0, 1)
        return list((variables.flatten(1) @ C).split(list(counts)))

    def forces(
        self, geometry: TripleGeometry, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int
    ) -> tuple[Tensor, Tensor | None]:
        return forces(geometry, gradient, frame, nframes, first, natoms, TRIPLES)


def _pair_gradient(geometry: TripleGeometry, gradient: Tensor) -> Tensor:
    """dE/dr of every slot, (natoms, 3, slots): bend (u.e) e + h u with u = dE/dR over dstd."""
    of_rows = torch.cat(geometry.basis.gradient(geometry.by_type, gradient), dim=2)
    u = of_rows * geometry.scale.unsqueeze(2)
    along = geometry.bend * (u * geometry.unit).sum(1)
    return torch.addcmul(geometry.unit * along.unsqueeze(1), u, geometry.ratio.unsqueeze(1))


def _moment_tangent(geometry: TripleGeometry, shift: Tensor) -> Tensor:
    """dS for displacements of the neighbours in every slot, (natoms, 3, slots): the transpose of `_pair_gradient`."""
    along = geometry.bend * (geometry.unit * shift).sum(1)
    turned = torch.addcmul(geometry.unit * along.unsqueeze(1), shift, geometry.ratio.unsqueeze(1))
    of_rows = turned * geometry.scale.unsqueeze(2)
    return geometry.basis.tangent(geometry.by_type, of_rows.split(geometry.widths, dim=2))


TRIPLES = Maps(_pair_gradient, _moment_tangent)
"""Of `TripleGeometry`."""
