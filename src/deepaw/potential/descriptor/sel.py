"""`sel` by type: counted on the data for "auto", compared with the data for numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics

AUTO_FACTOR = 1.1
"""Factor of `sel: "auto"` on the largest number of neighbours in the data."""


def auto_factor(sel: str) -> float:
    """Return the factor in `auto` or `auto:FACTOR`; raises ValueError for other text or a factor below 1."""
    word, colon, factor = sel.partition(":")
    try:
        value = float(factor) if colon else AUTO_FACTOR
    except ValueError:
        value = 0.0
    if word != "auto" or value < 1:
        raise ValueError(f"{sel!r} should be a list of counts, auto, or auto:FACTOR with a factor of 1 or more")
    return value


def _validated(sel: tuple[int, ...] | str) -> tuple[int, ...] | str:
    if isinstance(sel, str):
        auto_factor(sel)
    elif min(sel, default=0) < 0 or sum(sel) == 0:
        raise ValueError(f"{list(sel)} should be counts of neighbours, not all of them 0")
    return sel


SelByType = Annotated[tuple[int, ...] | str, AfterValidator(_validated)]
"""Counts of neighbours of each type, or `auto`, for sections of input files."""


def resolve_sel(
    sel: tuple[int, ...] | str,
    rcut: float,
    statistics: NeighbourStatistics,
    type_map: Sequence[str],
    fixed_slots: bool,
) -> tuple[int, ...]:
    """Return numbers for `auto`, from the largest counts of each type in the data; warn where these exceed numbers.

    fixed_slots: whether the model drops neighbours beyond `sel` (`SlottedDescriptor`).

    Raises InputError: no atom has a neighbour to count for `auto`.
    """
    if isinstance(sel, str):
        counts = tuple(statistics.sel(auto_factor(sel)))
        if sum(counts) == 0:
            raise InputError(
                f'sel is "{sel}", but no atom of the training data has a neighbour within {rcut:g} A; give '
                "numbers or a larger rcut."
            )
        return counts
    exceeded = [
        f"{count} of {name}"
        for name, count, slots in zip(type_map, statistics.largest.tolist(), sel, strict=True)
        # 0 means that the model ignores neighbours of that type
        if slots and count > slots
    ]
    if exceeded:
        rule = "the farthest are dropped" if fixed_slots else "all of them count, where DeePMD-kit drops the farthest"
        warnings.warn(
            f"sel is {list(sel)}, and atoms of the training data have up to {' and '.join(exceeded)} within "
            f"{rcut:g} A; {rule}",
            stacklevel=4,
        )
    return sel


def check_sel(sel: tuple[int, ...] | str, ntypes: int) -> None:
    """Raise ValueError where there is not one count for each type."""
    if not isinstance(sel, str) and len(sel) != ntypes:
        raise ValueError(f"sel has {len(sel)} entries; it should have one for each of {ntypes} types")


def check_excluded(numbers: Sequence[int], ntypes: int) -> None:
    """Raise ValueError where a number is not the index of a type."""
    for number in numbers:
        if not 0 <= number < ntypes:
            raise ValueError(f"a type to exclude is {number}; types are numbered from 0 to {ntypes - 1}")
