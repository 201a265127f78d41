"""Paths of the compiled library, its C headers and the sources that other programs are extended with.

In an installed package headers and sources lie beside the library; in a checkout they are in the folder `native`.
Nothing here loads the library or PyTorch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deepaw.errors import InputError

FOLDER = Path(__file__).parent
"""Folder of the library."""

CHECKOUT = FOLDER.parents[2] / "native"
"""Folder of headers and sources in a checkout."""

_NAMES = {"win32": "deepaw.dll", "darwin": "libdeepaw.dylib"}


def library_file() -> Path:
    """Return the path of libdeepaw. Raises InputError where it was not built."""
    path = FOLDER / _NAMES.get(sys.platform, "libdeepaw.so")
    if not path.is_file():
        raise InputError(
            f"The compiled library {path} is not there, because there was no C++ compiler when deepaw was installed; "
            "install one, such as g++, and then deepaw again."
        )
    return path


def include_folder() -> Path:
    """Return the folder of deepaw.h. Raises InputError where it is missing."""
    return _folder("include", "deepaw.h")


def plugin_folder() -> Path:
    """Return the folder with the sources of the plugin for LAMMPS. Raises InputError where they are missing."""
    return _folder("lammps", "plugin.cpp")


def _folder(name: str, file: str) -> Path:
    for parent in (FOLDER, CHECKOUT):
        if (parent / name / file).is_file():
            return parent / name
    raise InputError(f"{FOLDER / name / file} is missing; install deepaw again.")
