"""Types of atoms by their names."""

from __future__ import annotations

from collections.abc import Sequence

from deepaw.errors import InputError


def types_of(symbols: Sequence[str], type_map: Sequence[str]) -> list[int]:
    """Indices into a type map; raises InputError naming the first symbol that is not in it."""
    number = {name: index for index, name in enumerate(type_map)}
    for position, symbol in enumerate(symbols):
        if symbol not in number:
            raise InputError(f"atom {position + 1} is {symbol}; the model knows {', '.join(type_map)}.")
    return [number[symbol] for symbol in symbols]
