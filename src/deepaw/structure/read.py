"""Structures from files and from ASE databases."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from deepaw.errors import InputError
from deepaw.structure.checks import check_atoms
from deepaw.structure.files import LAST, read_frames


@dataclass(frozen=True)
class DatabaseRow:
    """One row of an ASE database: the structure and, where the row has them, its grid and density.

    `grid_shape` is (nx, ny, nz). `density` is (nx, ny, nz), float64, e/A^3: the row's `data['chg']`, which rows hold
    flat in C order.
    """

    atoms: Atoms
    grid_shape: tuple[int, int, int] | None
    density: np.ndarray | None


@dataclass(frozen=True)
class DatabaseEntry:
    """One row of an ASE database without what is large: the structure and its key-value pairs."""

    row_id: int
    atoms: Atoms
    keys: dict[str, Any]


def read_structure(path: str | Path) -> Atoms:
    """The structure in a POSCAR or CHGCAR, or in any other file that ASE reads (of several frames, the last).

    Positions and cell in A. Raises InputError: no such file, what `read_frames` raises, or a structure that fails
    `check_atoms`.
    """
    path = _existing_file(path, "structure")
    frames = read_frames(path, frames=LAST)
    if not frames:
        raise InputError(f"{path} holds no structure; a POSCAR or another file that ASE reads is needed.")
    check_atoms(frames[-1], str(path))
    return frames[-1]


def read_database_row(path: str | Path, row_id: int) -> DatabaseRow:
    """Row `row_id` of the ASE database `path`, which is opened for reading only and never created.

    The grid is read from `nx, ny, nz` among the row's key-value pairs or in its `data`, the density from `data['chg']`.

    Raises InputError: no such file, not an ASE database, no row with that id, a density whose length is not
    nx * ny * nz, or a structure that fails `check_atoms`.
    """
    import ase.db

    path = _existing_file(path, "database")
    _refuse_foreign_sqlite(path)
    try:
        database = ase.db.connect(path, use_lock_file=False)
        row = database.get(id=row_id)
    except KeyError as error:
        known = [row.id for row in database.select(columns=["id"], include_data=False)]
        held = f"its ids run from {min(known)} to {max(known)}" if known else "it is empty"
        raise InputError(f"{path} has no row with id {row_id}; {held}.") from error
    except Exception as error:  # whatever the parsing of a foreign file stumbles over
        raise InputError(f"{path} cannot be read as an ASE database ({_first_line(error)}).") from error
    name = f"{path}, row {row_id}"
    atoms = row.toatoms()
    check_atoms(atoms, name)
    shape = _grid_shape(row.key_value_pairs, row.data, name)
    return DatabaseRow(atoms, shape, _density(row.data, shape, name))


def list_database(path: str | Path) -> list[DatabaseEntry]:
    """All rows of the ASE database `path`, which is opened for reading only; their `data` is not read.

    Raises InputError: no such file, not an ASE database, or a structure that fails `check_atoms`.
    """
    import ase.db

    path = _existing_file(path, "database")
    _refuse_foreign_sqlite(path)
    try:
        rows = list(ase.db.connect(path, use_lock_file=False).select(include_data=False))
        entries = [DatabaseEntry(row.id, row.toatoms(), dict(row.key_value_pairs)) for row in rows]
    except Exception as error:  # whatever the parsing of a foreign file stumbles over
        raise InputError(f"{path} cannot be read as an ASE database ({_first_line(error)}).") from error
    for entry in entries:
        check_atoms(entry.atoms, f"{path}, row {entry.row_id}")
    return entries


def _existing_file(path: str | Path, what: str) -> Path:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; the {what} must be a file.")
    if not path.exists():
        raise InputError(f"There is no {what} file {path}.")
    return path


def _refuse_foreign_sqlite(path: Path) -> None:
    """ASE adds its tables to whatever SQLite file it opens, an empty one included; look first, without writing."""
    if path.suffix != ".db":
        return
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            tables = connection.execute("select name from sqlite_master where name = 'systems'").fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, ValueError) as error:
        raise InputError(f"{path} cannot be read as an ASE database ({_first_line(error)}).") from error
    if not tables:
        raise InputError(f"{path} is not an ASE database: it has no table of structures.")


def _grid_shape(pairs: dict[str, Any], data: dict[str, Any], name: str) -> tuple[int, int, int] | None:
    found = {key: pairs.get(key, data.get(key)) for key in ("nx", "ny", "nz")}
    if all(value is None for value in found.values()):
        return None
    for key, value in found.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name} says {key} = {value}; nx, ny and nz must be three positive whole numbers.")
    return int(found["nx"]), int(found["ny"]), int(found["nz"])  # type: ignore[arg-type]


def _density(data: dict[str, Any], shape: tuple[int, int, int] | None, name: str) -> np.ndarray | None:
    chg = data.get("chg")
    if chg is None or shape is None:
        return None
    values = np.asarray(chg, dtype=np.float64)
    if values.size != np.prod(shape):
        raise InputError(
            f"{name} has a density of {values.size} values, but its grid {shape[0]} x {shape[1]} x {shape[2]} needs "
            f"{int(np.prod(shape))}."
        )
    return values.reshape(shape)


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return text or type(error).__name__
