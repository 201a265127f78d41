"""Every image of an atom within the cutoff of a point, by trying all images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil

import torch
from torch import Tensor

COINCIDENT = 1e-6
"""A: a point this near to a nucleus sits on it, and the direction to it is zero rather than rounding noise."""


@dataclass(frozen=True)
class Edges:
    """Messages to be sent: from atom `source` (e,) to point `target` (e,), with r_target - r_source (e, 3) in A."""

    source: Tensor
    target: Tensor
    vector: Tensor

    @property
    def length(self) -> Tensor:
        """Distances (e,), A."""
        return self.vector.norm(dim=-1)

    @property
    def direction(self) -> Tensor:
        """The vectors, zero where a point sits on a nucleus."""
        return torch.where((self.length > COINCIDENT).unsqueeze(-1), self.vector, torch.zeros_like(self.vector))


def all_edges(
    positions: Tensor, cell: Tensor, pbc: tuple[bool, bool, bool], points: Tensor, cutoff: float, itself: bool
) -> Edges:
    """Edges from every atom image within `cutoff` of a point.

    Args:
        positions (n, 3), cell (3, 3) with a vector along every periodic direction, points (p, 3): A.
        itself: False where the points are the atoms and an atom sends nothing to itself.
    """
    heights = torch.zeros(3, dtype=torch.float64)
    for axis in range(3):
        if pbc[axis]:
            normal = torch.linalg.cross(cell[axis - 2], cell[axis - 1])
            heights[axis] = (cell[axis] @ normal).abs() / normal.norm()
    inverse = torch.linalg.pinv(cell.double())
    spread = (points.double() @ inverse)[:, None] - (positions.double() @ inverse)[None]
    ranges = []
    for axis in range(3):
        reach = cutoff / float(heights[axis]) if pbc[axis] else 0.0
        low, high = float(spread[..., axis].min()) - reach, float(spread[..., axis].max()) + reach
        ranges.append(range(-ceil(-low), ceil(high) + 1) if pbc[axis] else range(1))
    found = []
    for shift in product(*ranges):
        image = positions + torch.tensor(shift, dtype=cell.dtype) @ cell
        vector = points[:, None] - image[None]
        near = vector.norm(dim=-1) <= cutoff
        if not itself and shift == (0, 0, 0):
            near.fill_diagonal_(False)
        target, source = near.nonzero(as_tuple=True)
        found.append((source, target, vector[target, source]))
    sources, targets, vectors = zip(*found, strict=True)
    return Edges(torch.cat(sources), torch.cat(targets), torch.cat(vectors))
