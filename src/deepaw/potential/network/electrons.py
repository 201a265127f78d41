"""Electron configurations of free atoms as inputs of the type embedding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ase.data import atomic_numbers
from torch import Tensor

from deepaw.errors import InputError

SUBSHELLS = (
    *("1s", "2s", "2p", "3s", "3p", "3d", "4s", "4p", "4d", "4f"),
    *("5s", "5p", "5d", "5f", "6s", "6p", "6d", "7s", "7p"),
)
"""Subshells in the order of the rows."""

FILLING = sorted(SUBSHELLS, key=lambda name: (int(name[0]) + "spdf".index(name[1]), name))
"""Subshells in the order in which electrons fill them (Madelung): by n + l, then by n."""

EXCEPTIONS = {
    **dict.fromkeys(("Cr", "Cu"), ("4s", "3d", 1)),
    **dict.fromkeys(("Nb", "Mo", "Ru", "Rh", "Ag"), ("5s", "4d", 1)),
    "Pd": ("5s", "4d", 2),
    **dict.fromkeys(("La", "Ce", "Gd"), ("4f", "5d", 1)),
    **dict.fromkeys(("Pt", "Au"), ("6s", "5d", 1)),
    **dict.fromkeys(("Ac", "Pa", "U", "Np", "Cm"), ("5f", "6d", 1)),
    "Th": ("5f", "6d", 2),
    **dict.fromkeys(("Ds", "Rg"), ("7s", "6d", 1)),
}
"""Ground states that differ from that order: subshell that loses electrons, subshell that takes them, their number."""


SIZE = 118
"""Length of a row, which is the number of electrons that fit into all subshells."""


def electron_rows(symbols: Sequence[str]) -> Tensor:
    """Return rows (symbols, SIZE), float64: two numbers for each orbital, 1 for an electron or -1, over sqrt(SIZE).

    As in DeePMD-kit's `use_econf_tebd`: orbitals with two electrons come first in a subshell, then those with one, as
    many as Hund's rule leaves unpaired; for an orbital with one electron the second number is 1.

    Raises InputError: a name that is not the symbol of an element up to 118.
    """
    rows = []
    for symbol in symbols:
        if not 1 <= atomic_numbers.get(symbol, 0) <= SIZE:
            raise InputError(f"type_map has {symbol}, which is no element; use_econf_tebd needs elements")
        rows.append([number for name in SUBSHELLS for number in _subshell(name, occupation(symbol)[name])])
    values = torch.tensor(rows, dtype=torch.float64)
    return values / SIZE**0.5


def occupation(symbol: str) -> dict[str, int]:
    """Return the number of electrons in each subshell of an element."""
    remaining = int(atomic_numbers[symbol])
    result = {}
    for name in FILLING:
        result[name] = min(remaining, 2 * _orbitals(name))
        remaining -= result[name]
    if symbol in EXCEPTIONS:
        source, target, count = EXCEPTIONS[symbol]
        result[source] -= count
        result[target] += count
    return result


def _orbitals(name: str) -> int:
    return 2 * "spdf".index(name[1]) + 1


def _subshell(name: str, electrons: int) -> list[float]:
    orbitals = _orbitals(name)
    pairs = max(electrons - orbitals, 0)
    single = electrons - 2 * pairs
    return [1.0, 1.0] * pairs + [-1.0, 1.0] * single + [-1.0, -1.0] * (orbitals - pairs - single)
