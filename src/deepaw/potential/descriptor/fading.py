"""Training in the spectral form of embeddings whose dependence on types fades out: G = N(s) * (1 + w(r) N_t).

With Chebyshev polynomials Phi_k of s, N(s) = Phi C and A = sum_j R^T Phi C + sum_t (sum_j w R^T Phi) (C * N_t), the sum
over j in the second term being over neighbours of type t. w is no smooth function of s, so that these are moments of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepaw.potential.descriptor.forces import Maps, forces
from deepaw.potential.descriptor.form import Form, Geometry
from deepaw.potential.descriptor.geometry import PairGeometry, pair_geometry
from deepaw.potential.descriptor.switch import switch, switch_derivative
from deepaw.potential.neighbours.environment import Environment
from deepaw.spectral import ChebyshevBasis

if TYPE_CHECKING:
    from deepaw.potential.descriptor.se_atten import SeAtten


@dataclass(frozen=True)
class FadingGeometry(Geometry):
    """pairs: whose own moments are not used. moments: (natoms, 4, 1 + ntypes, K), those of all neighbours, then those
    with w of each type. fade, fade_slope: (natoms, slots), w and dw/dr (1/A)."""

    pairs: PairGeometry
    moments: Tensor
    fade: Tensor
    fade_slope: Tensor

    @property
    def natoms(self) -> int:
        return len(self.moments)

    @property
    def nbytes(self) -> int:
        return self.pairs.nbytes + self.moments.nbytes + self.fade.nbytes + self.fade_slope.nbytes

    @property
    def variables(self) -> Tensor:
        return self.moments

    @property
    def neighbour(self) -> Tensor:
        return self.pairs.neighbour

    @property
    def unit(self) -> Tensor:
        return self.pairs.unit

    @property
    def distance(self) -> Tensor:
        return self.pairs.distance

    def to(self, device: torch.device) -> FadingGeometry:
        return FadingGeometry(
            self.pairs.to(device), self.moments.to(device), self.fade.to(device), self.fade_slope.to(device)
        )

    def share(self, first: int, last: int) -> FadingGeometry:
        return FadingGeometry(
            self.pairs.share(first, last), *(x[first:last] for x in (self.moments, self.fade, self.fade_slope))
        )

    @classmethod
    def join(
        cls, geometries: Sequence[FadingGeometry], pieces: Sequence[tuple[int, slice]], moved: Sequence[Tensor]
    ) -> FadingGeometry:
        pairs = PairGeometry.join([each.pairs for each in geometries], pieces, moved)
        widened = [each.widened(pairs.widths) for each in geometries]
        return cls(
            pairs,
            *(
                torch.cat([getattr(widened[frame], name)[atoms] for frame, atoms in pieces])
                for name in ("moments", "fade", "fade_slope")
            ),
        )

    def widened(self, widths: tuple[int, ...]) -> FadingGeometry:
        """The same with more slots for some types."""
        if widths == self.pairs.widths:
            return self

        def wide(value: Tensor) -> Tensor:
            parts = zip(value.split(self.pairs.widths, dim=1), widths, strict=True)
            return torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1])) for part, width in parts], 1)

        return replace(self, pairs=self.pairs.widened(widths), fade=wide(self.fade), fade_slope=wide(self.fade_slope))

    def pair_gradient(self, gradient: Tensor) -> Tensor:
        """dE/dr of every slot, (natoms, 3, slots), from dE/d(moments).

        As `deepaw.potential.descriptor.forces` has it, with g = g_all + w g_t in place of g; the slope of w adds
        dw/dr sum_a R_a (Phi g_t,a) along the vector.
        """
        pairs = self.pairs
        natoms, K = len(gradient), gradient.shape[-1]
        both = torch.cat([gradient * pairs.scale[:, :, None, None], gradient @ pairs.derivative.T], dim=1)
        parts = []
        for kind, phi in enumerate(pairs.phi):
            of_slots = both[:, :, [0, kind + 1]].transpose(1, 2).reshape(natoms, 16, K)
            parts.append(torch.bmm(of_slots, phi))
        plain, faded = torch.cat(parts, dim=2).chunk(2, dim=1)
        UV = torch.addcmul(plain, faded, self.fade.unsqueeze(1))
        U, V = UV[:, :4], UV[:, 4:]
        of_fade = (pairs.rows * (faded[:, :4] / pairs.scale.unsqueeze(2))).sum(1) * self.fade_slope
        u = U[:, 1:]
        along = pairs.slope * (U[:, 0] + (pairs.rows * V).sum(1)) + of_fade + pairs.bend * (u * pairs.unit).sum(1)
        return torch.addcmul(pairs.unit * along.unsqueeze(1), u, pairs.ratio.unsqueeze(1))

    def moment_tangent(self, shift: Tensor) -> Tensor:
        """d(moments) for displacements of the neighbours in every slot, (natoms, 3, slots): the transpose."""
        pairs = self.pairs
        along = (pairs.unit * shift).sum(1)
        ds = (pairs.slope * along).unsqueeze(1)
        turned = torch.addcmul(pairs.unit * (pairs.bend * along).unsqueeze(1), shift, pairs.ratio.unsqueeze(1))
        of_rows = torch.cat([ds, turned], dim=1) * pairs.scale.unsqueeze(2)
        of_phi = pairs.rows * ds
        w = self.fade.unsqueeze(1)
        faded = torch.addcmul(pairs.rows * (self.fade_slope * along).unsqueeze(1), w, of_rows)
        every = torch.cat([of_rows, of_phi, faded, w * of_phi], dim=1)
        pieces = zip(every.split(pairs.widths, dim=2), pairs.phi, strict=True)
        parts = [torch.bmm(columns, phi.transpose(1, 2)) for columns, phi in pieces]
        dB = torch.stack(parts, dim=2)
        together = torch.cat([dB[:, :8].sum(2, keepdim=True), dB[:, 8:]], dim=2)
        return together[:, :4] + together[:, 4:] @ pairs.derivative


@dataclass(frozen=True)
class FadingForm(Form):
    """Moments of a basis of s, from 0 to the largest that occurs."""

    basis: ChebyshevBasis

    def prepare(self, part: SeAtten, env: Environment) -> FadingGeometry:
        config = part.config
        pairs = pair_geometry(part, env, self.basis)
        fade = switch(pairs.distance, config.rcut_smth, config.rcut)
        fade_slope = switch_derivative(pairs.distance, config.rcut_smth, config.rcut)
        rows = (pairs.rows * fade.unsqueeze(1)).split(pairs.widths, dim=2)
        faded = [torch.bmm(R, phi.transpose(1, 2)) for R, phi in zip(rows, pairs.phi, strict=True)]
        moments = torch.stack([pairs.moments.sum(2), *faded], dim=2)
        return FadingGeometry(pairs.cast(part.dtype), *(each.to(part.dtype) for each in (moments, fade, fade_slope)))

    def rows(self, part: SeAtten, geometry: FadingGeometry, variables: Tensor, counts: Sequence[int]) -> list[Tensor]:
        of_types = zip(variables.split(list(counts)), part.coefficients(self.basis), strict=True)
        return [
            part.with_type(part.contract(B, C), kind) if len(B) else B.new_zeros(0, part.width)
            for kind, (B, C) in enumerate(of_types)
        ]

    def rows_and_vectors(
        self, part: SeAtten, geometry: FadingGeometry, variables: Tensor, counts: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        of_types = zip(variables.split(list(counts)), part.coefficients(self.basis), strict=True)
        both = [part.contract_with_vectors(B, C) for B, C in of_types]
        return [(part.with_type(D, kind), T) for kind, (D, T) in enumerate(both)]

    def forces(
        self, geometry: FadingGeometry, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int
    ) -> tuple[Tensor, Tensor | None]:
        return forces(geometry, gradient, frame, nframes, first, natoms, MAPS)


MAPS = Maps(FadingGeometry.pair_gradient, FadingGeometry.moment_tangent)
