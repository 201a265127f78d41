"""Interface of the spectral form of a descriptor in the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor

from deepaw.potential.neighbours.table import NeighbourTable


class FoldSize(NamedTuple):
    """Sizes of a folded descriptor.

    polynomials: of the basis. functions: that are left of the columns of all embedding nets. features: length of what
    the first layer of the fitting net reads, instead of the descriptor's `width`.
    """

    polynomials: int
    functions: int
    features: int
    width: int


class Kernel(ABC):
    """One part of a descriptor for centres of one type: forward from neighbours to features, and backward.

    weights: (features, outputs), float64: features @ weights is the descriptor times the first layer's weights.
    directions: (functions, channels), float64, or None where the part has no vectors: vectors of the part are sums over
        functions of directions times `vectors`.
    largest_tile: atoms that it can be given at once without keeping too much of them, or None.

    Kernels may be called from several threads at a time.
    """

    weights: Tensor
    size: FoldSize
    directions: Tensor | None = None
    largest_tile: int | None = None

    @abstractmethod
    def forward(self, table: NeighbourTable) -> tuple[Tensor, Any]:
        """Features (n, features), and what `backward` needs; table: neighbours of n atoms, in the kernel's numbers."""

    def vectors(self, saved: Any) -> Tensor:
        """(n, functions, 3), which rotate with the surroundings; of a part with directions."""
        raise NotImplementedError

    @abstractmethod
    def backward(self, grad_features: Tensor, saved: Any, grad_vectors: Tensor | None = None) -> Tensor:
        """dE/dr of every pair, (3, npairs), from that of the features (n, features) and, where E depends on them, of
        the vectors (n, functions, 3); only a part with directions is given the latter."""
