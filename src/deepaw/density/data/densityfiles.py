"""A folder of CHGCAR or cube files, or of sub-folders with a CHGCAR each."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from deepaw.density.data.example import DensityCache, Example, kind_of
from deepaw.density.files.chgcar import read_chgcar, read_chgcar_head
from deepaw.density.files.cube import read_cube
from deepaw.density.occupancies.chgcar import ChgcarOccupancies
from deepaw.structure.checks import check_atoms, check_box


def density_files(folder: Path) -> list[Path]:
    """`CHGCAR*` and `*.cube` in `folder`, and `CHGCAR` in its sub-folders, sorted."""
    found = [*folder.glob("CHGCAR*"), *folder.glob("*.cube"), *folder.glob("*/CHGCAR")]
    return sorted(path for path in found if path.is_file())


def density_file_example(path: Path, cache: DensityCache) -> Example:
    """The structure and density of one CHGCAR or cube file; of a spin-polarised CHGCAR, the total density.

    Raises InputError: not such a file, or a structure that fails `check_atoms`.
    """
    is_cube = path.suffix.lower() == ".cube"
    atoms = read_cube(path)[0] if is_cube else read_chgcar_head(path).atoms
    check_atoms(atoms, str(path))
    check_box(atoms, str(path))
    name = file_example_name(path)
    read = partial(_read_cube, path) if is_cube else partial(_read_chgcar, path)
    occupancies = None if is_cube else ChgcarOccupancies(path)
    return Example(name, kind_of(atoms, name), atoms, None, str(path), read, cache, occupancies)


def file_example_name(path: Path) -> str:
    """What tells one file from the others: 'MgO_1' of MgO_1/CHGCAR, CHGCAR_MgO_1, CHGCAR.MgO_1 and MgO_1.cube."""
    if path.suffix.lower() == ".cube":
        return path.stem
    rest = re.sub(r"^CHGCAR[_.\-]*", "", path.name)
    return rest or path.absolute().parent.name


def _read_chgcar(path: Path) -> np.ndarray:
    return read_chgcar(path).density


def _read_cube(path: Path) -> np.ndarray:
    return read_cube(path)[1]
