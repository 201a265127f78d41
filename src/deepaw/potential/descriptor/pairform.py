"""Training in the spectral form: embedding nets run on the nodes of a basis, not for every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from deepaw.potential.descriptor.forces import forces
from deepaw.potential.descriptor.form import Form
from deepaw.potential.descriptor.geometry import PairGeometry, pair_geometry
from deepaw.potential.neighbours.environment import Environment
from deepaw.spectral import ChebyshevBasis

if TYPE_CHECKING:
    from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
    from deepaw.potential.descriptor.se_e2_a import SeE2A


@dataclass(frozen=True)
class PairForm(Form):
    """Moments of a basis of s, from 0 to the largest that occurs."""

    basis: ChebyshevBasis

    def prepare(self, part: PairwiseDescriptor, env: Environment) -> PairGeometry:
        return pair_geometry(part, env, self.basis, dtype=part.dtype)

    def rows(
        self, part: PairwiseDescriptor, geometry: PairGeometry, variables: Tensor, counts: Sequence[int]
    ) -> list[Tensor]:
        of_types = zip(variables.split(list(counts)), part.coefficients(self.basis), strict=True)
        return [
            part.with_type(part.contract(B, C), kind) if len(B) else B.new_zeros(0, part.width)
            for kind, (B, C) in enumerate(of_types)
        ]

    def rows_and_vectors(
        self, part: SeE2A, geometry: PairGeometry, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        of_types = zip(variables.split(list(counts)), part.coefficients(self.basis), strict=True)
        both = [part.contract_with_vectors(B, C) for B, C in of_types]
        return [(part.with_type(D, kind), T) for kind, (D, T) in enumerate(both)]

    def forces(
        self, geometry: PairGeometry, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int
    ) -> tuple[Tensor, Tensor | None]:
        return forces(geometry, gradient, frame, nframes, first, natoms)
