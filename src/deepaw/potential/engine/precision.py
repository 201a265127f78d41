"""Precisions of an evaluation, and the tolerances of the spectral form for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from deepaw.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Tolerances of one precision.

    dtype: of the arithmetic. tolerance: of embeddings, relative to their largest value. allowed: largest deviation of
    energies and forces of a trial from those of the equations, relative to the largest.
    """

    dtype: torch.dtype
    tolerance: float
    allowed: float

    def tightened(self) -> Iterator[Budget]:
        """Yield this budget, then budgets of smaller tolerance, for models for which it is not enough."""
        for power in range(TIGHTENINGS + 1):
            yield replace(self, tolerance=self.tolerance * 0.1**power)


TIGHTENINGS = 3
"""Number of times the tolerance is divided by ten before the equations are used instead."""

BUDGETS = {
    "float64": Budget(torch.float64, 3e-10, 2e-9),
    "float32": Budget(torch.float32, 1e-6, 1e-4),
}

EXACT = "exact"
"""Precision of the equations themselves, in float64, with every network evaluated for every pair."""


def find_budget(precision: str) -> Budget:
    """Return the tolerances of a precision. Raises InputError: no precision of this name."""
    if precision not in BUDGETS:
        raise InputError(f"there is no precision {precision!r}; it should be {EXACT}, {' or '.join(BUDGETS)}.")
    return BUDGETS[precision]
