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
    ESPRESSO_HDF5 = "qe-hdf5"
    ESPRESSO_DAT = "qe-dat"


CUBE_SUFFIXES = {".cube", ".cub"}
HDF5_SUFFIXES = {".hdf5", ".h5"}


def format_of(path: str | Path) -> Format:
    """The format that a file's name says. Raises InputError if it says none.

    CHGCAR, CHG or *.vasp, *.npy, *.cube; *.hdf5 and charge-density.dat are those of Quantum ESPRESSO.
    """
    name = Path(path).name
    suffix = Path(path).suffix.lower()
    if suffix in CUBE_SUFFIXES:
        return Format.CUBE
    if suffix in HDF5_SUFFIXES:
        return Format.ESPRESSO_HDF5
    if name == "charge-density.dat":
        return Format.ESPRESSO_DAT
    if suffix == ".npy":
        return Format.NPY
    if "CHG" in name.upper() or suffix == ".vasp":
        return Format.CHGCAR
    raise InputError(
        f"The name {name} does not say a density format; name it CHGCAR, *.cube, *.npy, charge-density.hdf5 or "
        f"charge-density.dat, or give the format as well ({', '.join(Format)})."
    )
