"""Work that a message asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from deepaw.density.grid import check_shape
from deepaw.errors import InputError
from deepaw.server.front.config import FrontConfig, Limits
from deepaw.server.front.errors import RequestError
from deepaw.server.front.fields import Fields
from deepaw.server.front.paths import resolve_file
from deepaw.server.front.structures import (
    check_count,
    check_elements,
    check_grid,
    row_of,
    structure_of_atoms,
    structure_of_fields,
)
from deepaw.server.scheduler.frames import PotentialWork, TensorWork
from deepaw.server.scheduler.interface import DensityWork, Shape, Structure, Work
from deepaw.structure.read import DatabaseRow


@dataclass(frozen=True)
class Asked:
    """work: what is to be done. wait: whether the answer is waited for, or the id of a job given. of_row: whether the
    structure is a row of a database, which whoever asks has yet to see.
    """

    work: Work
    wait: bool
    of_row: bool = False


async def read_work(message: Mapping[str, Any], config: FrontConfig, stream: bool, anywhere: bool) -> Asked:
    """The work of a message to /infer; stream: whether the answer is to come in pieces; anywhere: as `resolve_file`.

    Raises InputError: a key that is missing, unknown or has a value of another type or shape; a structure that is not
    sound. RequestError: more atoms or points than the limits allow.
    """
    fields = Fields(message)
    limits = config.limits
    kind = fields.text("kind")
    wait = fields.truth("wait", True)
    if kind == "density":
        work: Work = await _density(fields, config, stream, anywhere)
    elif kind in ("potential", "dipole", "polar"):
        if stream:
            raise InputError("Only densities on grids are streamed; ask for application/msgpack.")
        work = _of_frames(kind, fields, limits)
    else:
        raise InputError("kind should be 'density', 'potential', 'dipole' or 'polar'.")
    fields.finish(f"a message of kind {kind}")
    if stream and not wait:
        raise InputError("A stream is waited for; leave wait out.")
    return Asked(work, wait, "db_path" in message)


def check_listed(work: Work, limits: Limits) -> None:
    """Raises RequestError for work whose answer has too many numbers to be written as JSON lists."""
    count = _numbers(work)
    if count > limits.listed:
        raise RequestError(
            413,
            "listed",
            f"The answer has {count:,} numbers; as JSON it may have {limits.listed:,}; Accept application/msgpack.",
        )


def _numbers(work: Work) -> int:
    """Of the answer, about."""
    if isinstance(work, DensityWork):
        return prod(work.grid_shape or ()) if work.points is None else len(work.points)
    nframes, natoms = work.coord.shape[:2]
    if isinstance(work, TensorWork):
        of_both = 9 if work.atomic and work.derivatives else 0
        of_atom = work.atomic + 3 * work.derivatives + of_both
        return nframes * (1 + natoms * of_atom) * (3 if work.kind == "dipole" else 9)
    return nframes * natoms * (13 if work.atomic else 3)


async def _density(fields: Fields, config: FrontConfig, stream: bool, anywhere: bool) -> DensityWork:
    limits = config.limits
    shape = _grid(fields)
    points = fields.floats("points", (-1, 3))
    if sum(fields.has(key) for key in ("atoms", "structure", "db_path")) != 1:
        raise InputError("A density needs one of atoms, the handle of a structure, or db_path with db_id.")
    structure: Structure | str
    if fields.has("structure"):
        structure = fields.text("structure") or ""
    elif fields.has("db_path"):
        row = await _row(fields, config, anywhere)
        structure = structure_of_atoms(row.atoms)
        if shape is None and points is None and row.grid_shape is not None:
            shape = check_shape(row.grid_shape, "the grid of the row")
    else:
        structure = await structure_of_fields(fields.map("atoms"), limits, box=shape is not None)
    if (shape is None) == (points is None):
        raise InputError("A density is asked for either on a grid_shape or at points.")
    if shape is not None:
        check_grid(shape, limits, stream)
    elif stream:
        raise InputError("Only densities on grids are streamed; ask for application/msgpack.")
    if points is not None and len(points) > limits.answer_points:
        raise RequestError(413, "points", f"There are {len(points):,} points; at most {limits.answer_points:,} go.")
    return DensityWork(
        structure,
        shape,
        points,
        model=fields.text("model"),
        raw=fields.truth("raw", False),
        stream=stream,
        occupancies=fields.truth("occupancies", False),
    )


async def _row(fields: Fields, config: FrontConfig, anywhere: bool) -> DatabaseRow:
    row_id = fields.count("db_id")
    if row_id is None:
        raise InputError("db_id is needed with db_path: the row of the database.")
    path = resolve_file(fields.text("db_path") or "", "db_path", config.data_dirs, anywhere)
    return await row_of(path, row_id, "db_path", config.limits)


def _grid(fields: Fields) -> Shape | None:
    given = fields.whole("grid_shape", (3,))
    if given is None:
        return None
    nx, ny, nz = (int(size) for size in given)
    if min(nx, ny, nz) < 1:
        raise InputError(f"grid_shape is {nx} {ny} {nz}; it should be three positive whole numbers.")
    return nx, ny, nz


def _of_frames(kind: str, fields: Fields, limits: Limits) -> Work:
    coord = fields.floats("coord", (-1, -1, 3), (-1, 3))
    if coord is None or coord.size == 0:
        raise InputError(f"A message of kind {kind} needs coord, (nframes, natoms, 3), of one atom or more.")
    coord = coord.reshape(-1, coord.shape[-2], 3)
    nframes, natoms = coord.shape[:2]
    check_count(nframes * natoms, limits)
    cell = fields.floats("cell", (nframes, 3, 3), (3, 3))
    if cell is not None:
        cell = np.ascontiguousarray(np.broadcast_to(cell, (nframes, 3, 3)))
    types, numbers = fields.whole("types", (natoms,), (nframes, natoms)), fields.whole("numbers", (natoms,))
    if (types is None) == (numbers is None):
        raise InputError(f"A message of kind {kind} needs either types, of the type map, or numbers, atomic ones.")
    if numbers is not None:
        check_elements(numbers)
    pbc = fields.truths("pbc", 3)
    frames: dict[str, Any] = {
        "coord": coord,
        "cell": cell,
        "types": types,
        "numbers": numbers,
        "pbc": (bool(pbc[0]), bool(pbc[1]), bool(pbc[2])),
        "atomic": fields.truth("atomic", False),
        "fparam": fields.floats("fparam", (nframes, -1), (-1,)),
        "aparam": fields.floats("aparam", (nframes, natoms, -1), (natoms, -1), (-1,)),
        "model": fields.text("model"),
    }
    if kind == "potential":
        return PotentialWork(**frames)
    derivatives = fields.truth("derivatives", False)
    return TensorWork(**frames, kind="dipole" if kind == "dipole" else "polar", derivatives=derivatives)
