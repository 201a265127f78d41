"""From dE/dB to forces and virials: linear for given positions, so that its own gradient is its transpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from deepaw.potential.descriptor.geometry import PairGeometry
from deepaw.potential.network.products import batch_product, product


class Maps(NamedTuple):
    """Linear maps of a kind of moments B, from its geometry and a tensor.

    gradient: from dE/dB to dE/dr of every slot, (natoms, 3, slots). tangent: its transpose, from displacements of the
    neighbours in every slot to dB.
    """

    gradient: Callable[[Any, Tensor], Tensor]
    tangent: Callable[[Any, Tensor], Tensor]


def forces(
    geometry: Any,
    gradient: Tensor,
    frame: Tensor | None,
    nframes: int,
    first: int = 0,
    natoms: int | None = None,
    maps: Maps | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Forces (natoms, 3), eV/A, and virials (nframes, 3, 3), eV, of energies with dE/dB = gradient.

    geometry: a `PairGeometry`, or one that `maps` are of and that has its `natoms`, `neighbour`, `unit` and `distance`.
    gradient: like geometry.moments. frame: (geometry.natoms,), the frame of each atom, or None if virials are not asked
    for. first, natoms: where the atoms of the geometry begin among all, for a share of them.
    """
    natoms = geometry.natoms if natoms is None else natoms
    force, virial = _Forces.apply(gradient, geometry, frame, nframes, first, natoms, maps or PAIRS)
    return force, virial if frame is not None else None


def _pair_gradient(geometry: PairGeometry, gradient: Tensor) -> Tensor:
    """dE/dr of every slot, (natoms, 3, slots).

    With U_a = phi g_a and V_a = phi' g_a, where g = dE/dB:
    dE/dr = [ds/dr (U_0 + R.V) + bend (u.e)] e + h u, with e = r / |r| and u = (U_1, U_2, U_3) over dstd.
    """
    natoms, components, ntypes, K = gradient.shape
    both = torch.stack([gradient * geometry.scale[:, :, None, None], gradient @ geometry.derivative.T], dim=1)
    both = both.view(natoms, 2 * components, ntypes, K)
    UV = both.new_empty(natoms, 2 * components, geometry.phi.shape[1])
    pieces = zip(geometry.phi.split(geometry.widths, dim=1), UV.split(geometry.widths, dim=2), strict=True)
    for kind, (phi, columns) in enumerate(pieces):
        batch_product(both[:, :, kind], phi.transpose(1, 2), out=columns)
    U, V = UV[:, :components], UV[:, components:]
    along = (geometry.rows * V).sum(1)
    if components == 1:
        return geometry.unit * (geometry.slope * along).unsqueeze(1)
    u = U[:, 1:]
    along = geometry.slope * (U[:, 0] + along) + geometry.bend * (u * geometry.unit).sum(1)
    return torch.addcmul(geometry.unit * along.unsqueeze(1), u, geometry.ratio.unsqueeze(1))


def _moment_tangent(geometry: PairGeometry, shift: Tensor) -> Tensor:
    """dB for displacements of the neighbours in every slot, (natoms, 3, slots): the transpose of `_pair_gradient`."""
    natoms, components = geometry.rows.shape[:2]
    along = (geometry.unit * shift).sum(1)
    ds = geometry.slope * along
    if components == 1:
        dR = torch.zeros_like(geometry.rows)
    else:
        turned = torch.addcmul(geometry.unit * (geometry.bend * along).unsqueeze(1), shift, geometry.ratio.unsqueeze(1))
        dR = torch.cat([ds.unsqueeze(1), turned], dim=1)
    both = torch.cat([dR * geometry.scale.unsqueeze(2), geometry.rows * ds.unsqueeze(1)], dim=1)
    dB = both.new_empty(natoms, 2 * components, len(geometry.widths), geometry.phi.shape[2])
    pieces = zip(both.split(geometry.widths, dim=2), geometry.phi.split(geometry.widths, dim=1), strict=True)
    for kind, (columns, phi) in enumerate(pieces):
        batch_product(columns, phi, out=dB[:, :, kind])
    result = dB[:, :components].contiguous()
    flat = result.view(-1, dB.shape[-1])
    product(dB[:, components:].reshape(flat.shape), geometry.derivative, out=flat, add=True)
    return result


PAIRS = Maps(_pair_gradient, _moment_tangent)
"""Of `PairGeometry`."""


def forces_of(
    geometry: Any, gradient: Tensor, frame: Tensor | None, nframes: int, first: int, natoms: int, maps: Maps = PAIRS
) -> tuple[Tensor, Tensor]:
    """The same as `forces`, without a graph; virials are 0 if they are not asked for."""
    pairs = maps.gradient(geometry, gradient)
    force = pairs.new_zeros(3, natoms)
    neighbour = geometry.neighbour.reshape(-1)
    for axis in range(3):
        force[axis].index_add_(0, neighbour, pairs[:, axis].reshape(-1), alpha=-1)
    force[:, first : first + geometry.natoms] += pairs.sum(2).T
    virial = pairs.new_zeros(nframes, 3, 3)
    if frame is not None:
        vector = geometry.unit * geometry.distance.unsqueeze(1)
        virial.index_add_(0, frame, torch.bmm(pairs, vector.transpose(1, 2)), alpha=-1)
    return force.T, virial


def moments_of(
    geometry: Any, of_force: Tensor, of_virial: Tensor, frame: Tensor | None, first: int, maps: Maps = PAIRS
) -> Tensor:
    """The transpose of `forces_of`: (natoms, 3) and (nframes, 3, 3) to what is like the moments."""
    natoms, slots = geometry.neighbour.shape
    at_neighbour = of_force.T.contiguous().index_select(1, geometry.neighbour.reshape(-1)).view(3, natoms, slots)
    shift = of_force[first : first + natoms].unsqueeze(2) - at_neighbour.transpose(0, 1)
    if frame is not None:
        vector = geometry.unit * geometry.distance.unsqueeze(1)
        shift = shift - torch.bmm(of_virial[frame], vector)
    return maps.tangent(geometry, shift)


class _Forces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        gradient: Tensor,
        geometry: Any,
        frame: Tensor | None,
        nframes: int,
        first: int,
        natoms: int,
        maps: Maps,
    ) -> tuple[Tensor, Tensor]:
        ctx.given = geometry, frame, first, maps
        return forces_of(geometry, gradient, frame, nframes, first, natoms, maps)

    @staticmethod
    def backward(ctx: Any, of_force: Tensor, of_virial: Tensor) -> tuple[Tensor | None, ...]:
        geometry, frame, first, maps = ctx.given
        return moments_of(geometry, of_force, of_virial, frame, first, maps), None, None, None, None, None, None
