"""Errors of a batch, as sums that are additive over its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class ErrorNames(Protocol):
    """Names of errors in the learning curve."""

    def name_errors(self, loss: Tensor, means: Tensor) -> dict[str, float]:
        """Return errors by name; means: of squares or absolute values of the errors of each term, (terms,)."""


@dataclass(frozen=True)
class Errors:
    """Sums of errors over a batch, or over a part of one; errors of parts are added with `+`.

    loss: scalar. sums: (terms,), of squares or absolute values of errors. counts: (terms,), number of components that
    were summed. names: names the errors.
    """

    loss: Tensor
    sums: Tensor
    counts: Tensor
    names: ErrorNames

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.loss + other.loss, self.sums + other.sums, self.counts + other.counts, self.names)

    def means(self) -> dict[str, float]:
        """Return the errors of the learning curve by name; nan for a term without labels."""
        return self.names.name_errors(self.loss, self.sums / self.counts)
