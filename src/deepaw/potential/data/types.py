"""`type.raw` and `type_map.raw`: which atoms a system has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepaw.errors import InputError

LARGEST = 9999
"""The largest type number that is believed."""


def read_type_map(folder: Path) -> tuple[str, ...] | None:
    """The names in `type_map.raw`, or None where there is no such file. Raises InputError: a name given twice."""
    path = folder / "type_map.raw"
    if not path.exists():
        return None
    names = tuple(_words(path))
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path} names {repeated[0]} twice; each type has one place in it.")
    return names


def read_types(folder: Path) -> np.ndarray:
    """(natoms,) int64, the numbers in `type.raw` as they are.

    Raises InputError: no such file, no numbers in it, or one that is no whole number from 0.
    """
    path = folder / "type.raw"
    if not path.exists():
        raise InputError(f"{folder} has no type.raw, which gives the type of each atom; it is not a deepmd/npy system.")
    words = _words(path)
    for atom, word in enumerate(words, start=1):
        if not (word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST))):
            raise InputError(f"{path} gives {word} as the type of atom {atom}; they are whole numbers up to {LARGEST}.")
    if not words:
        raise InputError(f"{path} is empty; it should give the type of each atom.")
    return np.array([int(word) for word in words], dtype=np.int64)


def translation(
    folder: Path, used: np.ndarray, own: Sequence[str] | None, wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The type map that indices refer to, and (n + 1,) int64 that turns a type number of the files into such an index.

    used: the type numbers that occur, without -1; own: the system's type map; wanted: the model's. Types that neither
    occur nor are in `wanted` become -1, as does the last entry, for virtual atoms. Without any map the types are called
    Type_0, Type_1, ...

    Raises InputError: a type number beyond the map, or a type that is not in `wanted`.
    """
    names = own or wanted or [f"Type_{number}" for number in range(int(used.max(initial=0)) + 1)]
    which = "type_map.raw" if own else "the model's type map"
    if len(used) and used.max() >= len(names):
        raise InputError(
            f"{folder} has atoms of type {used.max()}, but {which} ({' '.join(names)}) goes from 0 to {len(names) - 1}."
        )
    target = tuple(wanted or names)
    for number in used:
        if names[number] not in target:
            raise InputError(
                f"{folder} has atoms of type {names[number]}, which is not in the type map {' '.join(target)}."
            )
    return target, np.array([target.index(name) if name in target else -1 for name in names] + [-1], dtype=np.int64)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as text; it should list the types.") from None
