"""Several descriptors side by side (`hybrid`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.neighbours.environment import Environment


class Hybrid(Descriptor):
    """The rows of its parts, one after the other.

    Where a part tells one number of neighbours for all types, that of the whole is the largest of any part's.
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
        """The descriptors side by side."""
        return cast(list[Descriptor], [*self.list])

    @property
    def shares_nets(self) -> bool:
        """Whether a part says of which type an atom is."""
        return any(part.shares_nets for part in self.parts)

    def evaluations(self, env: Environment) -> Tensor:
        """Of all parts."""
        return torch.stack([part.evaluations(env) for part in self.parts]).sum(0)

    def forward(self, env: Environment) -> Tensor:
        """(natoms, sum of the widths)."""
        return torch.cat([part(env) for part in self.list], dim=-1)

    def with_vectors(self, env: Environment) -> tuple[Tensor, Tensor]:
        """The rows, and the vectors of those parts that have some, one after the other."""
        both = [part.with_vectors(env) if part.channels else (part(env), None) for part in self.parts]
        vectors = [T for _, T in both if T is not None]
        return torch.cat([D for D, _ in both], dim=-1), torch.cat(vectors, dim=1)
