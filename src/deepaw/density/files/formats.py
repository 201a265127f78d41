"""Which density format a file is written in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from deepaw.errors import InputError


class Format(StrEnum):
    """The formats a density can be written in."""

    CHGCAR = "chgcar"
    NPY = "npy"
    CUBE = "cube"


def format_of(path: str | Path) -> Format:
    """The format that a file's name says: CHGCAR, CHG or *.vasp, *.npy, *.cube. Raises InputError if it says none."""
    name = Path(path).name
    suffix = Path(path).suffix.lower()
    if suffix in {".cube", ".cub"}:
        return Format.CUBE
    if suffix == ".npy":
        return Format.NPY
    if "CHG" in name.upper() or suffix == ".vasp":
        return Format.CHGCAR
    raise InputError(
        f"The name {name} does not say a density format; name it CHGCAR, *.cube or *.npy, or give the format as well "
        "(chgcar, cube or npy)."
    )
