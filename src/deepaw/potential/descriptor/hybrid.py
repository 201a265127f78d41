"""Several descriptors side by side (`hybrid`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.neighbours.environment import Environment


class Hybrid(Descriptor):
    """Rows of the parts, one after the other.

    Where a part has one `sel` for all types, so has the hybrid: the largest of all parts.
    """

    def __init__(self, parts: Sequence[Descriptor]) -> None:
        super().__init__()
        self.list = nn.ModuleList(parts)
        self.ntypes = parts[0].ntypes
        self.rcut = max(part.rcut for part in parts)
        self.width = sum(part.width for part in parts)
        self.channels = sum(part.channels for part in parts)
        if self.shares_nets:
            self.sel = (max(sum(part.sel) for part in parts),)
        else:
            self.sel = tuple(max(counts) for counts in zip(*(part.sel for part in parts), strict=True))

    @property
    def parts(self) -> list[Descriptor]:
        """Descriptors side by side."""
        return cast(list[Descriptor], [*self.list])

    @property
    def shares_nets(self) -> bool:
        """Whether the rows of a part include the type of the atom."""
        return any(part.shares_nets for part in self.parts)

    def evaluations(self, env: Environment) -> Tensor:
        """Return the sum over all parts."""
        return torch.stack([part.evaluations(env) for part in self.parts]).sum(0)

    def forward(self, env: Environment) -> Tensor:
        """Compute rows (natoms, sum of the widths)."""
        return torch.cat([part(env) for part in self.list], dim=-1)

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """Compute the rows, and the vectors of those parts that have some, one after the other."""
        results = [part.with_vectors(env) if part.channels else (part(env), None) for part in self.parts]
        vectors = [T for _, T in results if T is not None]
        return torch.cat([D for D, _ in results], dim=-1), torch.cat(vectors, dim=1)
