"""How many valence electrons each element brings, read off the densities themselves.

The count depends on the pseudopotentials, so no table of the elements can know it; but a density integrates to the sum
over its atoms, and a few dozen compounds tell the elements apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepaw.density.data.example import Example

INTEGER = 0.02
"""Electrons: a fitted count this near to a whole number is that number."""

MISFIT = 0.05
"""Electrons per atom: largest difference between a structure and the sum over its atoms that passes without a word."""

TYPICAL = {
    "H": 1, "B": 3, "C": 4, "N": 5, "O": 6, "F": 7, "Si": 4, "P": 5, "S": 6, "Cl": 7,
    "As": 5, "Se": 6, "Br": 7, "Te": 6, "I": 7,
}  # fmt: skip
"""Non-metals, whose valence is their outer s and p shell in nearly every set of pseudopotentials; metals vary."""


def valence_electrons(examples: Sequence[Example]) -> dict[str, float]:
    """Valence electrons of each element, by least squares over the structures' compositions and electron counts.

    Where compositions cannot tell two elements apart (all of one come with as many of the other), `TYPICAL` non-metals
    help, provided that every element then gets a whole, positive number of electrons, no more than its protons.

    Returns: element symbol -> electrons, rounded to whole numbers within `INTEGER`. Elements that cannot be told apart
    are missing, which a warning says; another says when a structure contradicts the counts.
    """
    symbols = sorted({symbol for example in examples for symbol in example.atoms.symbols})
    counts = np.array([[list(example.atoms.symbols).count(symbol) for symbol in symbols] for example in examples])
    electrons = np.array([example.electron_count() for example in examples])
    fractions = counts / counts.sum(axis=1, keepdims=True)
    per_atom = electrons / counts.sum(axis=1)

    solution, known = _solve(fractions, per_atom)
    if not known.all():
        hints = [i for i, symbol in enumerate(symbols) if not known[i] and symbol in TYPICAL]
        rows = np.vstack([fractions, np.eye(len(symbols))[hints]])
        values = np.append(per_atom, [TYPICAL[symbols[i]] for i in hints])
        helped, helped_known = _solve(rows, values)
        sound = np.abs(rows @ helped - values).max() < INTEGER
        new = helped_known & ~known
        if sound and all(_is_count(helped[i], symbols[i]) for i in np.flatnonzero(new)):
            solution, known = np.where(new, helped, solution), helped_known
    _warn_unknown([symbol for symbol, is_known in zip(symbols, known, strict=True) if not is_known])
    if known.all():
        _warn_misfit(examples, fractions @ solution - per_atom)
    return {
        symbol: float(round(value)) if abs(value - round(value)) < INTEGER else float(value)
        for symbol, value, is_known in zip(symbols, solution, known, strict=True)
        if is_known
    }


def _solve(rows: NDArray, values: NDArray) -> tuple[NDArray, NDArray]:
    """The shortest least-squares solution, and which of its entries no null vector of `rows` could change."""
    _, singular, vectors = np.linalg.svd(np.linalg.qr(rows, mode="r"))
    rank = int((singular > 1e-6 * singular[0]).sum())
    solution = np.linalg.lstsq(rows, values, rcond=1e-6)[0]
    return solution, (np.abs(vectors[rank:]) < 1e-6).all(axis=0)


def _is_count(value: float, symbol: str) -> bool:
    from ase.data import atomic_numbers

    return abs(value - round(value)) < INTEGER and 1 <= round(value) <= atomic_numbers[symbol]


def _warn_unknown(symbols: list[str]) -> None:
    if symbols:
        warnings.warn(
            f"The valence electrons of {', '.join(symbols)} cannot be told from these structures: compositions do "
            "not tell them apart; densities that contain them will not be scaled to an electron count.",
            stacklevel=3,
        )


def _warn_misfit(examples: Sequence[Example], misfit: NDArray) -> None:
    worst = int(np.abs(misfit).argmax())
    if abs(misfit[worst]) > MISFIT:
        warnings.warn(
            f"{examples[worst].origin} differs by {misfit[worst]:+.3f} electrons an atom from the sum over its atoms; "
            "different pseudopotentials for one element, or charged cells, may have been mixed.",
            stacklevel=3,
        )
