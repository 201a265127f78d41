"""Names of the types of atoms, and the placeholders of models and data that have none.

Without a type map types are the numbers of `type.raw`; they are then called Type_0, Type_1, ..., as dpdata does.
"""

from __future__ import annotations

from collections.abc import Sequence


def placeholder_names(ntypes: int) -> tuple[str, ...]:
    """Return the names Type_0, Type_1, ... of types that are numbers alone."""
    return tuple(f"Type_{number}" for number in range(ntypes))


def has_names(type_map: Sequence[str]) -> bool:
    """Whether a type map holds names rather than placeholders."""
    return tuple(type_map) != placeholder_names(len(type_map))
