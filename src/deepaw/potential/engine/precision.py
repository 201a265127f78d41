"""How exactly a potential is evaluated, and what that asks of its spectral form."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from deepaw.errors import InputError


@dataclass(frozen=True)
class Budget:
    """dtype: of the arithmetic. tolerance: of embeddings, relative to their largest value."""

    dtype: torch.dtype
    tolerance: float


BUDGETS = {
    "float64": Budget(torch.float64, 3e-10),
    "float32": Budget(torch.float32, 1e-6),
}

EXACT = "exact"
"""The equations themselves, in float64, every network run for every pair."""


def find_budget(precision: str) -> Budget:
    """Raises InputError: no precision of this name."""
    if precision not in BUDGETS:
        raise InputError(f"there is no precision {precision!r}; it should be {EXACT}, {' or '.join(BUDGETS)}.")
    return BUDGETS[precision]
