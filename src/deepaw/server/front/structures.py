"""Structures as clients send them, checked before the scheduler sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from ase import Atoms

from deepaw.errors import InputError
from deepaw.server.front.config import Limits
from deepaw.server.front.errors import RequestError
from deepaw.server.front.fields import Fields
from deepaw.server.messages.forms import AtomsForm
from deepaw.server.scheduler.interface import Shape, Structure
from deepaw.structure.checks import check_atoms, check_box
from deepaw.structure.read import DatabaseRow, read_database_row

NAME = "The structure"

MANY = 1000
"""Atoms; checking more is left to a thread, so that others need not wait for it."""


async def structure_of_form(form: AtomsForm, limits: Limits, box: bool) -> Structure:
    """The structure of a JSON request; box: whether a grid is to be laid into its cell. Raises InputError."""
    if len(form.positions) != len(form.numbers):
        raise InputError(f"atoms has {len(form.numbers)} numbers and {len(form.positions)} positions; one each.")
    pbc = form.pbc if isinstance(form.pbc, list) else [form.pbc] * 3
    structure = Structure(
        np.array(form.numbers, dtype=np.int64),
        np.array(form.positions, dtype=np.float64),
        _cell(None if form.cell is None else np.array(form.cell, dtype=np.float64)),
        np.array(pbc, dtype=np.bool_),
    )
    return await _checked(structure, limits, box)


async def structure_of_fields(fields: Fields, limits: Limits, box: bool) -> Structure:
    """The structure of a binary message. Raises InputError."""
    numbers, positions = fields.whole("numbers", (-1,)), fields.floats("positions", (-1, 3))
    cell, pbc = fields.floats("cell", (3, 3)), fields.truths("pbc", 3)
    fields.finish("atoms")
    if numbers is None or positions is None:
        raise InputError("atoms needs numbers and positions.")
    if len(numbers) != len(positions):
        raise InputError(f"atoms has {len(numbers)} numbers and {len(positions)} positions; one each.")
    check_elements(numbers)
    return await _checked(Structure(numbers, positions, _cell(cell), pbc), limits, box)


async def row_of(path: Path, row_id: int, key: str, limits: Limits) -> DatabaseRow:
    """A row of an ASE database; `key` stands in errors for the path. Raises InputError."""
    try:
        row = await asyncio.to_thread(read_database_row, path, row_id)
        check_count(len(row.atoms), limits)
        check_box(row.atoms, f"{path}, row {row_id}")
    except InputError as error:
        raise InputError(str(error).replace(str(path), key)) from None
    return row


def structure_of_atoms(atoms: Atoms) -> Structure:
    """Of atoms that have been checked."""
    return Structure(
        np.asarray(atoms.numbers, dtype=np.int64),
        np.asarray(atoms.positions, dtype=np.float64),
        np.asarray(atoms.cell.array, dtype=np.float64),
        np.asarray(atoms.pbc, dtype=np.bool_),
    )


def check_elements(numbers: np.ndarray) -> None:
    """Raises InputError for a number that is no chemical element's."""
    wrong = np.flatnonzero((numbers < 1) | (numbers > 118))
    if len(wrong):
        raise InputError(f"atom {wrong[0] + 1} has the atomic number {numbers[wrong[0]]}; elements run from 1 to 118.")


def check_count(natoms: int, limits: Limits) -> None:
    """Raises RequestError for more atoms than one request may have."""
    if natoms > limits.atoms:
        raise RequestError(413, "atoms", f"The request has {natoms:,} atoms; this server takes {limits.atoms:,}.")


def check_grid(shape: Shape, limits: Limits, streamed: bool) -> None:
    """Raises RequestError for more points than one request may have."""
    points = shape[0] * shape[1] * shape[2]
    if points > limits.points:
        raise RequestError(413, "points", f"The grid has {points:,} points; this server takes {limits.points:,}.")
    if not streamed and points > limits.answer_points:
        raise RequestError(
            413,
            "points",
            f"The grid has {points:,} points and answers in one piece end at {limits.answer_points:,}; ask /infer for "
            "a stream (Accept: application/octet-stream).",
        )


async def _checked(structure: Structure, limits: Limits, box: bool) -> Structure:
    check_count(len(structure.numbers), limits)
    if len(structure.numbers) > MANY:
        await asyncio.to_thread(_check, structure, box)
    else:
        _check(structure, box)
    return structure


def _check(structure: Structure, box: bool) -> None:
    atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
    check_atoms(atoms, NAME)
    if box:
        check_box(atoms, NAME)


def _cell(given: np.ndarray | None) -> np.ndarray:
    return np.zeros((3, 3)) if given is None else given
