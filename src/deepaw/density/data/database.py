"""An ASE database whose rows carry a density: `data['chg']`, flat in C order, with `nx`, `ny`, `nz`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from deepaw.density.data.example import DensityCache, Example, kind_of
from deepaw.errors import InputError
from deepaw.structure.checks import check_box
from deepaw.structure.read import list_database, read_database_row


def database_examples(path: Path, cache: DensityCache) -> list[Example]:
    """The rows of the database `path`; name, prototype and nelectrons from key-value pairs of these names.

    A row without a name is called after the file and its id, as 'train-7'.

    Raises InputError: not an ASE database, or a structure that fails `check_atoms`.
    """
    examples = []
    for entry in list_database(path):
        origin = f"{path}, row {entry.row_id}"
        check_box(entry.atoms, origin)
        name, prototype = entry.keys.get("name"), entry.keys.get("prototype")
        electrons = entry.keys.get("nelectrons")
        examples.append(
            Example(
                str(name or f"{path.stem}-{entry.row_id}"),
                kind_of(entry.atoms, name and str(name), prototype and str(prototype)),
                entry.atoms,
                None if electrons is None else float(electrons),
                origin,
                partial(_read_row, path, entry.row_id),
                cache,
            )
        )
    return examples


def _read_row(path: Path, row_id: int) -> np.ndarray:
    row = read_database_row(path, row_id)
    if row.grid_shape is None:
        raise InputError(f"{path}, row {row_id} has no grid; nx, ny and nz are needed.")
    if row.density is None:
        raise InputError(f"{path}, row {row_id} has no density; data['chg'] is needed, nx * ny * nz values in e/A^3.")
    return row.density
