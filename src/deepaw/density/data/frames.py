"""Structures in one extxyz file, their densities in one npz each.

structures.extxyz       frames with `name`, and optionally `prototype` and `nelectrons`
density/<name>.npz      array `density` (nx, ny, nz), e/A^3, C order
augmentation/<name>.npz PAW occupancies of some or all of them (`deepaw.density.occupancies.npz`)
"""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from deepaw.density.data.example import DensityCache, Example, kind_of
from deepaw.density.occupancies.npz import NpzOccupancies
from deepaw.density.occupancies.setup import PawSetup
from deepaw.errors import InputError
from deepaw.structure.checks import check_atoms, check_box
from deepaw.structure.files import read_frames

STRUCTURES = "structures.extxyz"
FOLDER = "density"
KEY = "density"


def frame_examples(path: Path, cache: DensityCache) -> list[Example]:
    """The frames of the extxyz file `path`, whose densities lie in the folder `density` beside it.

    Raises InputError: what `read_frames` raises, a frame without a name or without its npz file, or a structure that
    fails `check_atoms`.
    """
    examples = []
    setups: dict[Path, PawSetup] = {}
    for number, atoms in enumerate(read_frames(path, "extxyz"), start=1):
        if "name" not in atoms.info:
            raise InputError(f"{path}, frame {number} has no name=...; its density is looked for by that name.")
        name = str(atoms.info["name"])
        check_atoms(atoms, f"{path}, {name}")
        check_box(atoms, f"{path}, {name}")
        file = path.parent / FOLDER / f"{name}.npz"
        if not file.is_file():
            raise InputError(f"{path} has a frame {name}, but there is no {file} with its density.")
        electrons = atoms.info.get("nelectrons")
        prototype = atoms.info.get("prototype")
        examples.append(
            Example(
                name,
                kind_of(atoms, name, None if prototype is None else str(prototype)),
                atoms,
                None if electrons is None else float(electrons),
                str(file),
                partial(_read_npz, file),
                cache,
                NpzOccupancies(path.parent, name, atoms, setups),
            )
        )
    return examples


def _read_npz(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[KEY])
    except KeyError as error:
        raise InputError(f"{path} has no array named '{KEY}'.") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an npz file of plain numbers, or is cut short.") from error
