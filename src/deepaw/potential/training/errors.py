"""What a batch was wrong by, in sums that add up over its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Shown(Protocol):
    """How errors are called in the learning curve."""

    def named(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """Errors by name, of a loss and of means of squares, or of absolute values, of each of its terms."""


@dataclass(frozen=True)
class Errors:
    """Sums over a batch, or over a part of one; those of parts are added up.

    loss: scalar. sums: (terms,), of squares, or of absolute values, of errors. counts: (terms,), of what was summed:
    numbers of components. section: what names them.
    """

    loss: Tensor
    sums: Tensor
    counts: Tensor
    section: Shown

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.loss + other.loss, self.sums + other.sums, self.counts + other.counts, self.section)

    def means(self) -> dict[str, float]:
        """Those that are shown, by name; a term without labels is nan."""
        return self.section.named(self.loss, self.sums / self.counts)
