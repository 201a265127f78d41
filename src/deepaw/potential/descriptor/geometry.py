"""What of a pairwise descriptor depends on positions alone, ready to be used again in every step of a training.

With Chebyshev polynomials Phi_k of s, embedding nets are G(s) = Phi(s) C, and all that the descriptor needs of the
neighbours of type t is the moment B_t = R^T Phi, (components, K): `docs/spectral.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.form import Geometry
from deepaw.potential.descriptor.switch import switch, switch_derivative
from deepaw.potential.neighbours.environment import Environment
from deepaw.spectral import ChebyshevBasis

if TYPE_CHECKING:
    from deepaw.potential.descriptor.pairwise import PairwiseDescriptor


@dataclass(frozen=True)
class PairGeometry(Geometry):
    """Atoms with their neighbours in slots, those of type 0 first; slots left over are 0 and point at the first atom.

    moments: (natoms, components, ntypes, K), B. scale: (natoms, components), 1 / dstd of the atom's type.
    phi: of neighbours of each type, (natoms, K, slots of that type), Phi^T. rows: (natoms, components, slots), R. unit:
    (natoms, 3, slots), r / |r|.
    distance, A; slope = ds/dr; ratio h = s / (r + protection); bend = r dh/dr: (natoms, slots).
    neighbour: (natoms, slots) int64. widths: slots of each type. derivative: (K, K), Phi' = Phi @ derivative.
    """

    moments: Tensor
    scale: Tensor
    phi: tuple[Tensor, ...]
    rows: Tensor
    unit: Tensor
    distance: Tensor
    slope: Tensor
    ratio: Tensor
    bend: Tensor
    neighbour: Tensor
    widths: tuple[int, ...]
    derivative: Tensor

    @property
    def natoms(self) -> int:
        return self.moments.shape[0]

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return sum(value.nbytes for value in (*self.phi, *(getattr(self, name) for name in _TENSORS)))

    @property
    def variables(self) -> Tensor:
        """The moments."""
        return self.moments

    def to(self, device: torch.device) -> PairGeometry:
        """The same on a device."""
        return self._with(lambda value: value.to(device), *_TENSORS)

    def cast(self, dtype: torch.dtype) -> PairGeometry:
        """The same in numbers of another type."""
        return self._with(lambda value: value.to(dtype), *(name for name in _TENSORS if name != "neighbour"))

    def share(self, first: int, last: int) -> PairGeometry:
        """Atoms first ... last - 1 with their neighbours, which are numbered as before."""
        return self._with(lambda value: value[first:last], *_OF_ATOMS)

    def _with(self, change: Callable[[Tensor], Tensor], *names: str) -> PairGeometry:
        """With phi and these of its tensors changed."""
        changed: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, phi=tuple(change(phi) for phi in self.phi), **changed)

    def widened(self, widths: tuple[int, ...]) -> PairGeometry:
        """The same with more slots for some types."""
        if widths == self.widths:
            return self

        def pad(value: Tensor, axis: int) -> Tensor:
            parts = value.split(self.widths, dim=axis)
            behind = [0, 0] * (value.ndim - axis - 1)
            padded = [
                F.pad(part, (*behind, 0, width - part.shape[axis])) for part, width in zip(parts, widths, strict=True)
            ]
            return torch.cat(padded, dim=axis)

        slots = {"rows": 2, "unit": 2, "distance": 1, "slope": 1, "ratio": 1, "bend": 1, "neighbour": 1}
        wide: dict[str, Any] = {name: pad(getattr(self, name), axis) for name, axis in slots.items()}
        phi = tuple(F.pad(each, (0, width - each.shape[2])) for each, width in zip(self.phi, widths, strict=True))
        return replace(self, widths=widths, phi=phi, **wide)

    @classmethod
    def join(
        cls, geometries: Sequence[PairGeometry], pieces: Sequence[tuple[int, slice]], moved: Sequence[Tensor]
    ) -> PairGeometry:
        """Several frames as one."""
        widths = tuple(max(counts) for counts in zip(*(geometry.widths for geometry in geometries), strict=True))
        wide = [
            replace(geometry.widened(widths), neighbour=place[geometry.widened(widths).neighbour])
            for geometry, place in zip(geometries, moved, strict=True)
        ]
        joined = {name: torch.cat([getattr(wide[frame], name)[atoms] for frame, atoms in pieces]) for name in _OF_ATOMS}
        phi = tuple(torch.cat([wide[frame].phi[kind][atoms] for frame, atoms in pieces]) for kind in range(len(widths)))
        return cls(phi=phi, **joined, widths=widths, derivative=wide[0].derivative)


_OF_ATOMS = ("moments", "scale", "rows", "unit", "distance", "slope", "ratio", "bend", "neighbour")
_TENSORS = (*_OF_ATOMS, "derivative")


def pair_geometry(
    descriptor: PairwiseDescriptor,
    env: Environment,
    basis: ChebyshevBasis,
    widths: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float64,
) -> PairGeometry:
    """Moments and slots of one frame, computed in float64 and kept in `dtype`.

    basis: of s, from 0 to the largest that occurs. widths: slots of each type where more are wanted than needed.
    """
    kept, empty, hidden = descriptor.slotted(env)
    config, ntypes, components = descriptor.config, descriptor.ntypes, descriptor.components
    counts = kept.counts(ntypes)
    needed = [int(count) for count in counts.max(dim=0).values]
    taken = tuple(max(pair) for pair in zip(needed, widths or needed, strict=True))
    first = torch.tensor([0, *taken]).cumsum(0)
    total = int(first[-1])

    group = kept.centre * ntypes + kept.types[kept.neighbour]
    order = torch.argsort(group, stable=True)
    group = group[order]
    rank = torch.arange(len(group)) - torch.searchsorted(group, group)
    slot = (group // ntypes) * total + first[group % ntypes] + rank

    vector = kept.vector[order].double()
    r = torch.linalg.vector_norm(vector, dim=-1)
    reach = r + config.env_protection
    w, dw = switch(r, config.rcut_smth, config.rcut), switch_derivative(r, config.rcut_smth, config.rcut)
    s, h = w / reach, w / reach**2
    centre_types = kept.types[kept.centre[order]]
    raw = torch.cat([s[:, None], vector * h[:, None]], dim=1)[:, :components]
    phi = basis.values(s)

    def spread(value: Tensor) -> Tensor:
        result = value.new_zeros(env.natoms * total, *value.shape[1:])
        result[slot] = value
        return result.view(env.natoms, total, *value.shape[1:])

    phi_slots = spread(phi)
    rows = spread(descriptor.rows(raw, centre_types)).transpose(1, 2)
    moments = torch.stack([torch.bmm(rows[:, :, a:b], phi_slots[:, a:b]) for a, b in pairwise(first.tolist())], dim=2)
    moments += descriptor.constant_moments(env.types, empty, hidden, basis)
    return PairGeometry(
        moments=moments.to(dtype),
        scale=(1 / descriptor.dstd[env.types]).to(dtype),
        phi=tuple(phi.transpose(1, 2).to(dtype).contiguous() for phi in phi_slots.split(taken, dim=1)),
        rows=_by_component(rows).to(dtype),
        unit=_by_component(spread(vector / r[:, None]).transpose(1, 2)).to(dtype),
        distance=spread(r).to(dtype),
        slope=spread(dw / reach - h).to(dtype),
        ratio=spread(h).to(dtype),
        bend=spread(r * (dw / reach**2 - 2 * h / reach)).to(dtype),
        neighbour=spread(kept.neighbour[order]),
        widths=taken,
        derivative=basis.differentiation().to(dtype),
    )


def _by_component(rows: Tensor) -> Tensor:
    """The same (natoms, components, slots), with each component in one piece, as what is computed with them goes."""
    return rows.transpose(0, 1).contiguous().transpose(0, 1)
