"""Readers of `type.raw`, `type_map.raw` and `real_atom_types.npy`, the types of the atoms of a system."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.hdf5 import HDF5Path, SystemPath
from deepaw.potential.data.sets import Quantity, count_frames, find_quantity, find_sets
from deepaw.potential.typenames import has_names, placeholder_names
from deepaw.textfile import read_text

LARGEST = 9999
"""Largest type number that is accepted."""


def read_type_map(folder: SystemPath) -> tuple[str, ...] | None:
    """Read the names in `type_map.raw`; None where there is no such file. Raises InputError: a name given twice."""
    path = folder / "type_map.raw"
    if not path.exists():
        return None
    names = tuple(_words(path))
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path} names {repeated[0]} twice; each type has one place in it.")
    return names


def read_types(folder: SystemPath) -> np.ndarray:
    """Read the numbers in `type.raw`: (natoms,) int64.

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


def type_indices(
    folder: SystemPath, used: np.ndarray, system_map: Sequence[str] | None, model_map: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the type map that indices refer to, and (n + 1,) int64, the index for each type number of the files.

    used: the type numbers that occur, without -1; system_map, model_map: the type maps of the system and of the model,
    the first of which to exist gives the names of type numbers. Types that neither occur nor are in `model_map` become
    -1, as does the last entry, for virtual atoms. For a model without names, numbers are indices as they are, whatever
    the system calls them. Without any map the types are called Type_0, Type_1, ...

    Raises InputError: a type number beyond the map, or a type that is not in `model_map`.
    """
    if model_map and not has_names(model_map):
        system_map = None
    names = system_map or model_map or placeholder_names(int(used.max(initial=0)) + 1)
    which = "type_map.raw" if system_map else "the model's type map"
    if len(used) and used.max() >= len(names):
        raise InputError(
            f"{folder} has atoms of type {used.max()}, but {which} ({' '.join(names)}) goes from 0 to {len(names) - 1}."
        )
    target = tuple(model_map or names)
    for number in used:
        if names[number] not in target:
            raise InputError(
                f"{folder} has atoms of type {names[number]}, which is not in the type map {' '.join(target)}."
            )
    return target, np.array([target.index(name) if name in target else -1 for name in names] + [-1], dtype=np.int64)


def count_types(systems: Sequence[SystemPath]) -> int:
    """Count the types of systems for a model without a type map, in which types are numbers.

    As in DeePMD-kit, a system has as many types as names in its type_map.raw, or as its largest number says.

    Raises InputError: two systems with different names for a number; as `read_type_map`, `read_types`.
    """
    counts: list[int] = []
    longest: tuple[str, ...] = ()
    source: SystemPath | None = None
    for folder in systems:
        names = read_type_map(folder)
        if names is None:
            sets = find_sets(folder)
            raw = read_types(folder)
            types = find_mixed_types(sets, count_frames(sets, len(raw)), len(raw))
            counts.append(int((raw if types is None else used_types(types)).max(initial=0)) + 1)
            continue
        counts.append(len(names))
        if any(one != other for one, other in zip(names, longest, strict=False)):
            raise InputError(
                f"{folder}/type_map.raw has the types {' '.join(names)} and {source}/type_map.raw {' '.join(longest)}; "
                "with different ones model.type_map is needed."
            )
        if len(names) > len(longest):
            longest, source = names, folder
    return max(counts)


def find_mixed_types(sets: Sequence[SystemPath], counts: Sequence[int], natoms: int) -> Quantity | None:
    """Find the types of each frame (real_atom_types.npy); None where a system is not of mixed type.

    Raises InputError: only some sets have them.
    """
    types = find_quantity(sets, counts, ["real_atom_types"], (natoms,), np.int64)
    is_mixed = [(folder / "real_atom_types.npy").exists() for folder in sets]
    if any(is_mixed) and not all(is_mixed):
        missing = sets[is_mixed.index(False)] / "real_atom_types.npy"
        raise InputError(f"There is no {missing}; either all sets of a system are of mixed type or none.")
    return types


def used_types(types: Quantity) -> np.ndarray:
    """Find the type numbers that occur in a mixed-type system, without -1.

    Raises InputError: a number that is no type, or a frame of virtual atoms alone.
    """
    is_used = np.zeros(LARGEST + 1, dtype=bool)
    exact = Quantity(types.name, types.files, types.counts, types.shape)
    for start, rows in exact.blocks():
        wrong = ~((rows >= -1) & (rows <= LARGEST) & (rows == np.floor(rows)))
        if wrong.any():
            frame, value = start + int(np.argwhere(wrong)[0, 0]), rows[wrong][0]
            raise InputError(
                f"{types.where(frame)} gives {value:g} as a type; types are whole numbers up to {LARGEST}, or -1 for "
                "no atom."
            )
        empty = np.flatnonzero((rows < 0).all(axis=1))
        if len(empty):
            raise InputError(f"{types.where(start + int(empty[0]))} has no atoms, only virtual ones (-1).")
        is_used[rows[rows >= 0].astype(np.int64)] = True
    return np.flatnonzero(is_used)


def _words(path: SystemPath) -> list[str]:
    try:
        return (path.read_text() if isinstance(path, HDF5Path) else read_text(path)).split()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as text; it should list the types.") from None
