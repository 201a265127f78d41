"""From derivatives in the vectors of pairs to forces and virials, and the transpose.

With g = dE/dr_ij of the vectors r_ij = r_j - r_i:  F_i = sum_j g_ij - sum_j g_ji,  virial = -sum_ij g_ij (x) r_ij.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepaw.native.library import address, find_library
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.compiled import BYTES, neighbours_struct
from deepaw.potential.pairs.operator import PairOperator


def add_forces(
    table: NeighbourTable,
    grad_vector: Tensor,
    force: Tensor,
    virial: Tensor | None = None,
    frame: Tensor | None = None,
    atom_virial: Tensor | None = None,
) -> None:
    """Add forces and virials to what is there, all float64 and contiguous.

    grad_vector: dE/dr of every pair, (3, npairs). force: of all atoms, (natoms, 3), eV/A. virial: (nframes, 3, 3), eV.
    frame: frame of each centre, (centres,) int64; by default all are of frame 0.
    atom_virial: of all atoms, (natoms, 3, 3), each pair's part with the neighbour.
    """
    library = find_library() if force.device.type == "cpu" else None
    if library is None:
        _add_forces(table, grad_vector, force, virial, frame, atom_virial)
        return
    grad_vector = grad_vector.to(table.vector.dtype)
    grad_vector = grad_vector if grad_vector.stride(1) == 1 else grad_vector.contiguous()
    library.deepaw_forces(
        neighbours_struct(table),
        table.ntypes,
        address(grad_vector),
        grad_vector.stride(0),
        table.first,
        address(frame),
        address(force),
        address(virial),
        address(atom_virial),
        BYTES[grad_vector.dtype],
    )


def transpose_forces(
    table: NeighbourTable, grad_force: Tensor, grad_virial: Tensor | None = None, frame: Tensor | None = None
) -> Tensor:
    """Apply the transpose of `add_forces`: displacements of pairs, (3, npairs), in the numbers of the table's vectors.

    grad_force: (natoms, 3), grad_virial: (nframes, 3, 3), float64. frame: as of `add_forces`.
    """
    library = find_library() if grad_force.device.type == "cpu" else None
    if library is None:
        return _transpose_forces(table, grad_force, grad_virial, frame)
    grad_force = grad_force.contiguous()
    grad_virial = None if grad_virial is None else grad_virial.contiguous()
    tangent = torch.empty(3, len(table.neighbour), dtype=table.vector.dtype)
    library.deepaw_forces_transposed(
        neighbours_struct(table),
        table.ntypes,
        address(grad_force),
        address(grad_virial),
        table.first,
        address(frame),
        address(tangent),
        tangent.stride(0),
        BYTES[tangent.dtype],
    )
    return tangent


def forces(
    table: NeighbourTable, grad_vector: Tensor, natoms: int, frame: Tensor | None, nframes: int
) -> tuple[Tensor, Tensor]:
    """Forces (natoms, 3), eV/A, and virials (nframes, 3, 3), eV, float64, differentiable in grad_vector.

    frame: frame of each centre, (centres,) int64, or None if virials, which are 0 then, are not asked for.
    """
    force, virial = _Forces.apply(grad_vector, table, natoms, frame, nframes)
    return force, virial


def pair_gradient(operator: PairOperator, table: NeighbourTable, grad_moments: Tensor) -> Tensor:
    """dE/dr of every pair, (3, npairs), by `PairOperator.vjp`, differentiable in grad_moments."""
    gradient: Tensor = _PairGradient.apply(grad_moments, operator, table)
    return gradient


class _Forces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, grad_vector: Tensor, table: NeighbourTable, natoms: int, frame: Tensor | None, nframes: int
    ) -> tuple[Tensor, Tensor]:
        ctx.table, ctx.frame, ctx.dtype = table, frame, grad_vector.dtype
        force = torch.zeros(natoms, 3, dtype=torch.float64, device=grad_vector.device)
        virial = torch.zeros(nframes, 3, 3, dtype=torch.float64, device=grad_vector.device)
        add_forces(table, grad_vector, force, None if frame is None else virial, frame)
        return force, virial

    @staticmethod
    def backward(ctx: Any, grad_force: Tensor, grad_virial: Tensor) -> tuple[Tensor | None, ...]:
        tangent = transpose_forces(ctx.table, grad_force, None if ctx.frame is None else grad_virial, ctx.frame)
        return tangent.to(ctx.dtype), None, None, None, None


class _PairGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_moments: Tensor, operator: PairOperator, table: NeighbourTable) -> Tensor:
        ctx.operator, ctx.table, ctx.shape = operator, table, grad_moments.shape
        return operator.vjp(table, grad_moments)

    @staticmethod
    def backward(ctx: Any, tangent_vector: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.operator.jvp(ctx.table, tangent_vector).view(ctx.shape), None, None


def _add_forces(
    table: NeighbourTable,
    grad_vector: Tensor,
    force: Tensor,
    virial: Tensor | None,
    frame: Tensor | None,
    atom_virial: Tensor | None,
) -> None:
    centre, neighbour, gradient = table.centre, table.neighbour.long(), grad_vector.T.double()
    force.index_add_(0, centre + table.first, gradient).index_add_(0, neighbour, gradient, alpha=-1)
    if virial is None and atom_virial is None:
        return
    products = gradient.unsqueeze(2) * table.vector.T.double().unsqueeze(1)
    if virial is not None:
        group = torch.zeros_like(centre) if frame is None else frame[centre]
        virial.index_add_(0, group, products, alpha=-1)
    if atom_virial is not None:
        atom_virial.index_add_(0, neighbour, products, alpha=-1)


def _transpose_forces(
    table: NeighbourTable, grad_force: Tensor, grad_virial: Tensor | None, frame: Tensor | None
) -> Tensor:
    centre = table.centre
    tangent = grad_force[centre + table.first] - grad_force[table.neighbour.long()]
    if grad_virial is not None:
        group = torch.zeros_like(centre) if frame is None else frame[centre]
        tangent = tangent - (grad_virial[group] @ table.vector.T.double().unsqueeze(2)).squeeze(2)
    return tangent.T.to(table.vector.dtype).contiguous()
