"""How exactly a potential is evaluated, and what that asks of its spectral form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from deepaw.errors import InputError


@dataclass(frozen=True)
class Budget:
    """dtype: of the arithmetic. tolerance: of embeddings, relative to their largest value. allowed: how far energies
    and forces of a trial may be from those of the equations, relative to the largest."""

    dtype: torch.dtype
    tolerance: float
    allowed: float

    def tighter(self) -> Iterator[Budget]:
        """This one, and then those that a model gets for which it is not enough."""
        for power in range(TIGHTENED + 1):
            yield replace(self, tolerance=self.tolerance * 0.1**power)


TIGHTENED = 3
"""How often the tolerance is made ten times smaller before the equations take over."""

BUDGETS = {
    "float64": Budget(torch.float64, 3e-10, 2e-9),
    "float32": Budget(torch.float32, 1e-6, 1e-4),
}

EXACT = "exact"
"""The equations themselves, in float64, every network run for every pair."""


def find_budget(precision: str) -> Budget:
    """Raises InputError: no precision of this name."""
    if precision not in BUDGETS:
        raise InputError(f"there is no precision {precision!r}; it should be {EXACT}, {' or '.join(BUDGETS)}.")
    return BUDGETS[precision]
