"""Conversion of chemical symbols to indices into a type map."""

from __future__ import annotations

from collections.abc import Sequence

from deepaw.errors import InputError


def type_indices(symbols: Sequence[str], type_map: Sequence[str]) -> list[int]:
    """Return the index of each symbol in a type map; raises InputError naming the first symbol that is not in it."""
    indices = {name: index for index, name in enumerate(type_map)}
    for position, symbol in enumerate(symbols):
        if symbol not in indices:
            raise InputError(f"atom {position + 1} is {symbol}; the model knows {', '.join(type_map)}.")
    return [indices[symbol] for symbol in symbols]
