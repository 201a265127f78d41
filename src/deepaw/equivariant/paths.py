"""Products of two sets of irreducible features as one dense coupling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt

import torch
from torch import Tensor

from deepaw.equivariant.wigner import wigner_3j


@dataclass(frozen=True)
class ProductPaths:
    """The paths (l1, l2) -> l3 with l1 + l2 + l3 even, between features of natural parity (-1)^l.

    Features are (..., (lmax + 1)^2), one block of 2 l + 1 after the other. The outputs of all paths stand side by side,
    ordered by l3, so that the paths to one l3 are a contiguous (..., paths, 2 l3 + 1).
    """

    lmax1: int
    lmax2: int
    lmax3: int

    def by_degree(self) -> list[list[tuple[int, int]]]:
        """For every l3, the pairs (l1, l2) that reach it."""
        return [
            [
                (l1, l2)
                for l1 in range(self.lmax1 + 1)
                for l2 in range(self.lmax2 + 1)
                if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
            ]
            for l3 in range(self.lmax3 + 1)
        ]

    def counts(self) -> list[int]:
        """How many paths reach every l3."""
        return [len(pairs) for pairs in self.by_degree()]

    @property
    def width(self) -> int:
        """Components of all paths together."""
        return sum(count * (2 * l3 + 1) for l3, count in enumerate(self.counts()))

    def coupling(self) -> Tensor:
        """W ((lmax1 + 1)^2, (lmax2 + 1)^2, width), float64: out = sum_ab x_a y_b W[a, b].

        Each path is sqrt(2 l3 + 1) times its Wigner 3j symbol: inputs of unit variance give outputs of unit variance.
        """
        return _coupling(self)

    def split(self, product: Tensor) -> list[Tensor]:
        """(..., width) -> for every l3 a view (..., paths, 2 l3 + 1)."""
        counts = self.counts()
        blocks = product.split([count * (2 * l3 + 1) for l3, count in enumerate(counts)], dim=-1)
        return [block.unflatten(-1, (counts[l3], 2 * l3 + 1)) for l3, block in enumerate(blocks)]


@cache
def _coupling(paths: ProductPaths) -> Tensor:
    coupling = torch.zeros((paths.lmax1 + 1) ** 2, (paths.lmax2 + 1) ** 2, paths.width, dtype=torch.float64)
    start = 0
    for l3, pairs in enumerate(paths.by_degree()):
        for l1, l2 in pairs:
            end = start + 2 * l3 + 1
            coupling[l1**2 : (l1 + 1) ** 2, l2**2 : (l2 + 1) ** 2, start:end] = wigner_3j(l1, l2, l3) * sqrt(2 * l3 + 1)
            start = end
    return coupling
