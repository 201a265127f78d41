"""What a prediction is asked for: a structure and a grid, apart from who asks and who answers.

The command line reads one from its arguments and the engine answers it; another process could answer it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from deepaw.density.files.gridfile import grid_of_file
from deepaw.density.grid import DEFAULT_ENCUT, GridChoice, given_grid, grid_of_row, vasp_grid
from deepaw.density.planewaves import espresso_grid
from deepaw.errors import InputError
from deepaw.structure.checks import check_box
from deepaw.structure.read import read_database_row, read_structure


@dataclass(frozen=True)
class PredictRequest:
    """The density of `atoms` on `grid`; `raw` keeps the electron count the model gives. `name` is the structure's."""

    atoms: Atoms
    grid: GridChoice
    name: str
    raw: bool = False


def read_request(
    *,
    poscar: Path | None = None,
    db: Path | None = None,
    row_id: int | None = None,
    grid: Sequence[int] | None = None,
    like: Path | None = None,
    encut: float | None = None,
    ecutrho: float | None = None,
    raw: bool = False,
) -> PredictRequest:
    """The request that a structure file or a database row, and at most one choice of a grid, amount to.

    Without a choice a database row brings its own grid, and a structure file gets VASP's for ENCUT = 500 eV.

    Raises InputError: not exactly one structure, more than one choice of a grid, or anything wrong with the files.
    """
    choices = (("--grid", grid), ("--like", like), ("--encut", encut), ("--ecutrho", ecutrho))
    given = [name for name, value in choices if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} each choose the grid; give one of them.")
    if (poscar is None) == (db is None):
        raise InputError("One structure is needed: either --poscar FILE, or --db DATABASE with --id N.")
    chosen = given_grid(grid) if grid is not None else grid_of_file(like) if like is not None else None
    if poscar is not None:
        if row_id is not None:
            raise InputError(f"--id {row_id} goes with --db DATABASE, not with --poscar.")
        atoms, name = read_structure(poscar), str(poscar)
    else:
        assert db is not None
        if row_id is None:
            raise InputError(f"Which row of {db} is meant must be said with --id N.")
        row = read_database_row(db, row_id)
        atoms, name = row.atoms, f"{db}, row {row_id}"
        if not given:
            chosen = grid_of_row(row.grid_shape, db, row_id)
    check_box(atoms, name)
    if ecutrho is not None:
        chosen = espresso_grid(atoms, ecutrho)
    return PredictRequest(atoms, chosen or vasp_grid(atoms, DEFAULT_ENCUT if encut is None else encut), name, raw)
