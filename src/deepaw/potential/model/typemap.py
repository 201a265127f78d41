"""Conversion of chemical symbols to indices into a type map."""

from __future__ import annotations

from collections.abc import Sequence

from deepaw.errors import InputError
from deepaw.potential.typenames import has_names


def type_indices(symbols: Sequence[str], type_map: Sequence[str]) -> list[int]:
    """Return the index of each symbol in a type map.

    Raises InputError: a symbol that is not in it, or a type map without names.
    """
    if not has_names(type_map):
        raise InputError(
            f"the {len(type_map)} types of the model are numbers without names, which elements do not tell; give the "
            "numbers, or name them with 'deepaw convert --type-map'."
        )
    indices = {name: index for index, name in enumerate(type_map)}
    for position, symbol in enumerate(symbols):
        if symbol not in indices:
            raise InputError(f"atom {position + 1} is {symbol}; the model knows {', '.join(type_map)}.")
    return [indices[symbol] for symbol in symbols]
