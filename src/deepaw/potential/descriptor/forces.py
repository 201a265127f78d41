"""From dE/dB to forces and virials: linear for given positions, so that its own gradient is its transpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from deepaw.potential.descriptor.pairmaps import PairMaps


class Maps(NamedTuple):
    """Linear maps of a kind of moments B, from its geometry and a tensor.

    gradient: from dE/dB to dE/dr of every slot, (natoms, 3, slots). tangent: its transpose, from displacements of the
    neighbours in every slot to dB.
    """

    gradient: Callable[[Any, Tensor], Tensor]
    tangent: Callable[[Any, Tensor], Tensor]


PAIRS = Maps(PairMaps().gradient, PairMaps().tangent)
"""Of `PairGeometry`."""


def forces(
    geometry: Any,
    gradient: Tensor,
    frame: Tensor | None,
    nframes: int,
    first: int = 0,
    natoms: int | None = None,
    maps: Maps = PAIRS,
) -> tuple[Tensor, Tensor | None]:
    """Forces (natoms, 3), eV/A, and virials (nframes, 3, 3), eV, of energies with dE/dB = gradient.

    geometry: a `PairGeometry`, or one that `maps` are of and that has its `natoms`, `neighbour`, `unit` and `distance`.
    gradient: like geometry.moments. frame: (geometry.natoms,), the frame of each atom, or None if virials are not asked
    for. first, natoms: where the atoms of the geometry begin among all, for a share of them.
    """
    natoms = geometry.natoms if natoms is None else natoms
    force, virial = _Forces.apply(gradient, geometry, frame, nframes, first, natoms, maps)
    return force, virial if frame is not None else None


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
