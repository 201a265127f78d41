"""Training by the equations: rows from the vectors of pairs, forces by differentiating them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepaw.potential.descriptor.form import Form, Geometry
from deepaw.potential.neighbours.environment import Environment

if TYPE_CHECKING:
    from deepaw.potential.descriptor.base import Descriptor


@dataclass(frozen=True)
class PairVectors(Geometry):
    """Atoms with their pairs, sorted by centre.

    types: (natoms,). centre: (npairs,), counted from the first atom of these. neighbour: (npairs,), counted from the
    first of all, and kind: (npairs,), its type; all int64. vector: (npairs, 3), A, float64. ntypes: of the model.
    """

    types: Tensor
    centre: Tensor
    neighbour: Tensor
    kind: Tensor
    vector: Tensor
    ntypes: int

    @property
    def natoms(self) -> int:
        return len(self.types)

    @property
    def nbytes(self) -> int:
        return sum(getattr(self, name).nbytes for name in _TENSORS)

    @property
    def variables(self) -> Tensor:
        return self.vector

    def to(self, device: torch.device) -> PairVectors:
        return replace(self, **{name: getattr(self, name).to(device) for name in _TENSORS})

    def share(self, first: int, last: int) -> PairVectors:
        start, end = torch.searchsorted(self.centre, self.centre.new_tensor([first, last])).tolist()
        mine = {name: getattr(self, name)[start:end] for name in _TENSORS if name != "types"}
        return replace(self, **{**mine, "centre": mine["centre"] - first}, types=self.types[first:last])

    @classmethod
    def join(
        cls, geometries: Sequence[PairVectors], pieces: Sequence[tuple[int, slice]], moved: Sequence[Tensor]
    ) -> PairVectors:
        centre = torch.cat([place[each.centre] for each, place in zip(geometries, moved, strict=True)])
        neighbour = torch.cat([place[each.neighbour] for each, place in zip(geometries, moved, strict=True)])
        order = torch.argsort(centre, stable=True)
        return cls(
            types=torch.cat([geometries[frame].types[atoms] for frame, atoms in pieces]),
            centre=centre[order],
            neighbour=neighbour[order],
            kind=torch.cat([each.kind for each in geometries])[order],
            vector=torch.cat([each.vector for each in geometries])[order],
            ntypes=geometries[0].ntypes,
        )

    def environment(self, vector: Tensor) -> Environment:
        """The atoms, followed by one of each type which stands for all neighbours of that type."""
        types = torch.cat([self.types, torch.arange(self.ntypes, device=self.types.device)])
        return Environment(types, self.centre, self.natoms + self.kind, vector)


_TENSORS = tuple(field.name for field in fields(PairVectors) if field.name != "ntypes")


@dataclass(frozen=True)
class DifferentiatedForm(Form):
    """For every descriptor: its `forward`, differentiated for forces, and again for the gradient of a loss on them."""

    together: int | None = None

    def prepare(self, part: Descriptor, env: Environment) -> PairVectors:
        order = torch.argsort(env.centre, stable=True)
        neighbour = env.neighbour[order]
        return PairVectors(
            types=env.types,
            centre=env.centre[order],
            neighbour=neighbour,
            kind=env.types[neighbour],
            vector=env.vector[order].double(),
            ntypes=part.ntypes,
        )

    def rows(self, part: Descriptor, geometry: PairVectors, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        rows: Tensor = part(geometry.environment(variables))
        return list(rows[: geometry.natoms].split(list(counts)))

    def rows_and_vectors(
        self, part: Descriptor, geometry: PairVectors, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        rows, vectors = part.with_vectors(geometry.environment(variables))
        of_types = (values[: geometry.natoms].split(list(counts)) for values in (rows, vectors))
        return list(zip(*of_types, strict=True))

    def forces(
        self, geometry: PairVectors, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int
    ) -> tuple[Tensor, Tensor | None]:
        force = gradient.new_zeros(natoms, 3)
        force = force.index_add(0, geometry.centre + first, gradient).index_add(0, geometry.neighbour, -gradient)
        if frame is None:
            return force, None
        of_pairs = -gradient.unsqueeze(2) * geometry.vector.unsqueeze(1)
        return force, gradient.new_zeros(nframes, 3, 3).index_add(0, frame[geometry.centre], of_pairs)
