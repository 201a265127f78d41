"""Errors of occupancies, element by element."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ElementError:
    """Mean over the atoms of an element of sum |dD| / sum |D|.

    atoms: how many. free_atom: of the free atom, None where it is not known; mean: of the mean of the training data.
    """

    symbol: str
    atoms: int
    error: float
    free_atom: float | None
    mean: float


def relative_error(predicted: Array, reference: Array) -> float:
    """Sum |dD| / sum |D| of one atom."""
    return float(np.abs(predicted - reference).sum() / np.abs(reference).sum())


def mean_errors(
    atoms: Iterable[tuple[str, Array, Array]], free_atoms: dict[str, Array], means: dict[str, Array]
) -> list[ElementError]:
    """Errors of every element, by atomic number.

    atoms: (symbol, predicted D, reference D) of each. free_atoms, means: D by symbol, to compare with.
    """
    groups: dict[str, list[tuple[Array, Array]]] = {}
    for symbol, predicted, reference in atoms:
        groups.setdefault(symbol, []).append((predicted, reference))
    result = []
    for symbol in sorted(groups, key=atomic_numbers.__getitem__):
        pairs = groups[symbol]
        free = free_atoms.get(symbol)
        result.append(
            ElementError(
                symbol,
                len(pairs),
                float(np.mean([relative_error(predicted, reference) for predicted, reference in pairs])),
                None if free is None else float(np.mean([relative_error(free, reference) for _, reference in pairs])),
                float(np.mean([relative_error(means[symbol], reference) for _, reference in pairs])),
            )
        )
    return result
