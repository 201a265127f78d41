"""Neighbours of atoms grouped by type: the input of the pair operator and of all other kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment


@dataclass(frozen=True)
class NeighbourTable:
    """Atoms sorted by type with their neighbours, those of one type side by side (compressed rows).

    types: type of each centre, (natoms,) int64.
    rows: (natoms * ntypes + 1,) int64; neighbours of type t of centre i are the pairs rows[i * ntypes + t] to
        rows[i * ntypes + t + 1] - 1.
    neighbour: index of the neighbour among all atoms, (npairs,) int32.
    vector: r_neighbour - r_centre, (3, npairs), A, float64 or float32.
    ntypes: number of types of the model.
    first: index of the first centre among all atoms.
    """

    types: Tensor
    rows: Tensor
    neighbour: Tensor
    vector: Tensor
    ntypes: int
    first: int = 0

    @property
    def natoms(self) -> int:
        """Number of centres."""
        return len(self.types)

    @property
    def counts(self) -> Tensor:
        """Number of neighbours of each type, (natoms, ntypes) int64."""
        return self.rows.diff().view(self.natoms, self.ntypes)

    @property
    def centre(self) -> Tensor:
        """Index of the centre of each pair, counted from the first centre of the table, (npairs,) int64."""
        per_atom = self.rows[:: self.ntypes].diff()
        return torch.arange(self.natoms, device=self.rows.device).repeat_interleave(per_atom)

    @property
    def neighbour_types(self) -> Tensor:
        """Type of the neighbour of each pair, (npairs,) int64."""
        types = torch.arange(self.ntypes, device=self.rows.device).repeat(self.natoms)
        return types.repeat_interleave(self.rows.diff())

    def share(self, first: int, last: int) -> NeighbourTable:
        """Return centres first ... last - 1 with their neighbours, which are numbered as before."""
        begin, end = int(self.rows[first * self.ntypes]), int(self.rows[last * self.ntypes])
        return replace(
            self,
            types=self.types[first:last],
            rows=self.rows[first * self.ntypes : last * self.ntypes + 1] - begin,
            neighbour=self.neighbour[begin:end],
            vector=self.vector[:, begin:end],
            first=self.first + first,
        )

    def to(self, device: torch.device) -> NeighbourTable:
        """Copy to a device."""
        names = ("types", "rows", "neighbour", "vector")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def cast(self, dtype: torch.dtype) -> NeighbourTable:
        """Convert the vectors to another type of numbers."""
        return self if self.vector.dtype == dtype else replace(self, vector=self.vector.to(dtype))

    def environment(self, vector: Tensor | None = None) -> Environment:
        """Return the centres as a flat list of pairs, followed by one atom of each type that stands for its neighbours.

        vector: (3, npairs) to use in place of the table's own.
        """
        types = torch.cat([self.types, torch.arange(self.ntypes, device=self.types.device)])
        vectors = self.vector if vector is None else vector
        return Environment(types, self.centre, self.natoms + self.neighbour_types, vectors.T)


def table_of(env: Environment, ntypes: int) -> NeighbourTable:
    """Group the pairs of an environment whose atoms are sorted by type."""
    group = env.centre * ntypes + env.types[env.neighbour]
    order = torch.argsort(group, stable=True)
    rows = torch.zeros(env.natoms * ntypes + 1, dtype=torch.int64, device=group.device)
    rows[1:] = torch.bincount(group, minlength=env.natoms * ntypes).cumsum(0)
    return NeighbourTable(
        env.types,
        rows,
        env.neighbour[order].to(torch.int32),
        env.vector.detach().double()[order].T.contiguous(),
        ntypes,
    )
