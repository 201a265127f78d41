"""Interface of the pair operator."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.form import PairForm


class PairOperator(ABC):
    """Moments B of neighbours, the map from dE/dB to dE/dr, and its transpose.

    All methods read a `NeighbourTable` in `dtype` and are linear in their second argument; results are in `dtype`. They
    may be called from several threads at a time.
    """

    def __init__(self, form: PairForm, dtype: torch.dtype) -> None:
        self.form, self.dtype = form, dtype

    @abstractmethod
    def forward(self, table: NeighbourTable, out: Tensor | None = None) -> Tensor:
        """Compute moments B, (natoms, components, groups, K); out: memory for them, contiguous."""

    @abstractmethod
    def vjp(self, table: NeighbourTable, grad_moments: Tensor, out: Tensor | None = None) -> Tensor:
        """Compute dE/dr of every pair, (3, npairs), from dE/dB; added to `out` if that is not None."""

    @abstractmethod
    def jvp(self, table: NeighbourTable, tangent_vector: Tensor, out: Tensor | None = None) -> Tensor:
        """Compute the tangent of B for displacements (3, npairs) of the neighbours: the transpose of `vjp`."""
