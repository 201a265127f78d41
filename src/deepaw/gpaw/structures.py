"""Many structures from files, each with a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from deepaw.errors import InputError
from deepaw.structure.checks import check_atoms, check_box
from deepaw.structure.files import read_frames


@dataclass(frozen=True)
class NamedStructure:
    """A structure and its name, which no other structure beside it has."""

    name: str
    atoms: Atoms


def read_structures(paths: Sequence[Path]) -> list[NamedStructure]:
    """Read all frames of all files. Their names: `name` of the frame, else that of the file, numbered where needed.

    Raises InputError: a missing or unreadable file, a structure without sense or without a cell, equal names.
    """
    structures: list[NamedStructure] = []
    for path in paths:
        frames = _frames(path)
        for number, atoms in enumerate(frames, start=1):
            named = str(atoms.info.get("name", path.stem if len(frames) == 1 else f"{path.stem}-{number}"))
            if not re.fullmatch(r"[\w.+=@-]+", named) or named.startswith("."):
                raise InputError(
                    f"{path}, frame {number} is called {named!r}; names become those of files, so they must be of "
                    "letters, digits and _ . + = @ - only."
                )
            check_atoms(atoms, f"{path}, {named}")
            check_box(atoms, f"{path}, {named}")
            structures.append(NamedStructure(named, atoms))
    seen: set[str] = set()
    for structure in structures:
        if structure.name in seen:
            raise InputError(f"Two of the structures are called {structure.name}; names must differ.")
        seen.add(structure.name)
    return structures


def _frames(path: Path) -> list[Atoms]:
    if not path.is_file():
        raise InputError(f"There is no structure file {path}.")
    frames = read_frames(path)
    if not frames:
        raise InputError(f"{path} holds no structures.")
    return frames
