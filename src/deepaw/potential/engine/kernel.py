"""What the engine asks of the spectral form of a descriptor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor


class FoldSize(NamedTuple):
    """polynomials: of the basis. functions: that are left of the columns of all embedding nets. features: what the
    first layer of the fitting net reads, instead of the descriptor's `width`."""

    polynomials: int
    functions: int
    features: int
    width: int


class Kernel(ABC):
    """One part of a descriptor for centres of one type: there, from vectors to features, and back.

    weights: (features, outputs), float64: features @ weights is the descriptor times the first layer's weights.
    directions: (functions, channels), float64, or None where the part has no vectors: those of the part are the sums
    over functions of directions times `vectors`.
    largest_tile: atoms that it can be given at once without keeping too much of them, or None.
    """

    weights: Tensor
    size: FoldSize
    directions: Tensor | None = None
    largest_tile: int | None = None

    @abstractmethod
    def there(self, vector: Tensor, distance: Tensor, widths: list[int], count: Tensor) -> tuple[Tensor, Any]:
        """Features (n, features), and what `back` needs of the way.

        vector: (3, n, slots), A, neighbours of type 0 first. distance: (n, slots), their lengths; beyond the cutoff in
        slots that are left over. widths: slots of each type. count: (n, ntypes), the neighbours that are in them.
        """

    def vectors(self, kept: Any) -> Tensor:
        """(n, functions, 3), which turn as the surroundings do; of a part with directions."""
        raise NotImplementedError

    @abstractmethod
    def back(self, gradient: Tensor, kept: Any, of_vectors: Tensor | None = None) -> Tensor:
        """dE/dr of every slot, (3, n, slots), from that of the features (n, features) and, where E depends on them, of
        the vectors (n, functions, 3); only a part with directions is given the latter."""
