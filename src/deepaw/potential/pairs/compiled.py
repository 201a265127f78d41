"""Compiled pair operator: `native/src/moments.h` behind the interface of `PairOperator`."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from deepaw.native.library import NeighboursStruct, PairFormStruct, address
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.operator import PairOperator

BYTES = {torch.float32: 4, torch.float64: 8}


class CompiledPairOperator(PairOperator):
    """Pair operator of the compiled library, on the calling thread, for tensors on the CPU."""

    def __init__(self, form: PairForm, dtype: torch.dtype, library: ctypes.CDLL) -> None:
        super().__init__(form, dtype)
        self._library, self._bytes = library, BYTES[dtype]
        arrays = {
            "mean": form.mean.double(),
            "scale": form.scale.double(),
            "excluded": form.excluded.to(torch.uint8),
            "slots": form.slots.double(),
            "empty": form.empty.double(),
            "hidden": form.hidden.double(),
        }
        # references to the arrays, since the structure holds addresses only
        self._arrays = {name: array.detach().cpu().contiguous() for name, array in arrays.items()}
        self._struct = PairFormStruct(
            ntypes=form.ntypes,
            components=form.components,
            polynomials=form.basis.size,
            fading=form.fading,
            fixed_slots=form.fixed_slots,
            rcut=form.rcut,
            rcut_smth=form.rcut_smth,
            protection=form.protection,
            high=form.basis.high,
            **{name: address(array) for name, array in self._arrays.items()},
        )

    def forward(self, table: NeighbourTable, out: Tensor | None = None) -> Tensor:
        if out is None:
            out = torch.empty(table.natoms, *self.form.shape, dtype=self.dtype)
        self._library.deepaw_moments_forward(self._struct, neighbours_struct(table), address(out), self._bytes)
        return out

    def vjp(self, table: NeighbourTable, grad_moments: Tensor, out: Tensor | None = None) -> Tensor:
        add = out is not None
        if out is None:
            out = torch.empty(3, len(table.neighbour), dtype=self.dtype)
        grad_moments = grad_moments.contiguous()
        self._library.deepaw_moments_vjp(
            self._struct, neighbours_struct(table), address(grad_moments), address(out), out.stride(0), add, self._bytes
        )
        return out

    def jvp(self, table: NeighbourTable, tangent_vector: Tensor, out: Tensor | None = None) -> Tensor:
        if out is None:
            out = torch.empty(table.natoms, *self.form.shape, dtype=self.dtype)
        tangent_vector = tangent_vector.contiguous()
        self._library.deepaw_moments_jvp(
            self._struct,
            neighbours_struct(table),
            address(tangent_vector),
            tangent_vector.stride(0),
            address(out),
            self._bytes,
        )
        return out


def neighbours_struct(table: NeighbourTable) -> NeighboursStruct:
    """Return the C structure of a table on the CPU, whose tensors have to live as long as it is used."""
    return NeighboursStruct(
        natoms=table.natoms,
        stride=table.vector.stride(0),
        types=address(table.types),
        rows=address(table.rows),
        neighbour=address(table.neighbour),
        vector=address(table.vector),
    )
