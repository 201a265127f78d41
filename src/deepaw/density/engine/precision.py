"""Error budgets and what they decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepaw.errors import InputError

PrecisionName = Literal["tight", "default", "fast"]


@dataclass(frozen=True)
class Precision:
    """An error budget relative to the largest density of a structure, and the approximations it allows.

    tolerance: singular values below this fraction of the largest are dropped from the radial basis.
    rounded: basis functions whose singular value is below this fraction of the largest may be multiplied in bfloat16.
    intervals: of the table the radial basis is read from.
    """

    name: PrecisionName
    budget: float
    tolerance: float
    rounded: float
    intervals: int


PRECISIONS: dict[str, Precision] = {
    "tight": Precision("tight", 1e-5, 1e-7, 0.0, 32768),
    "default": Precision("default", 1e-4, 3e-5, 1e-2, 8192),
    "fast": Precision("fast", 1e-3, 1e-4, 2e-1, 4096),
}


def find_precision(name: str) -> Precision:
    """Raises InputError for a name that is not one of `PRECISIONS`."""
    if name not in PRECISIONS:
        raise InputError(f"precision is {name!r}; it must be one of {', '.join(PRECISIONS)}.")
    return PRECISIONS[name]
