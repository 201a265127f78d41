"""Gaussian cube files: a density in e/bohr^3 with the last grid index fastest, six numbers a line.

Format: two comment lines; number of atoms and origin; for each grid direction the number of points and the step vector;
for each atom its number, nuclear charge and position; then for every (x, y) a run of nz numbers that starts a new line.
Lengths in bohr.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np
from ase import Atoms

from deepaw.density.files.blocks import BlockSpool, Shape, checked
from deepaw.density.files.numbers import format_rows, read_numbers
from deepaw.density.grid import BOHR
from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.textfile import open_numbers

_NUMBER = "%13.5E"
_PER_LINE = 6


def write_cube(path: str | Path, atoms: Atoms, shape: Shape, blocks: Iterable[np.ndarray]) -> None:
    """Write a density, given as blocks (nx, ny, n) along z in e/A^3 that add up to `shape`.

    The blocks go through a spool on disk, because a cube wants the other order; memory stays at a block or two million
    points, whichever is larger. Raises InputError where the file cannot be written; nothing is left then.
    """
    with output_file(path) as temporary, BlockSpool(path) as spool, temporary.open("wb") as file:
        for block in checked(blocks, shape):
            spool.append(block)
        file.write(_head(atoms, shape).encode())
        for slab in spool.slabs():
            values = slab.ravel().astype(np.float64) * BOHR**3
            file.writelines(format_rows(values, _NUMBER, _PER_LINE, run=shape[2]))


def read_cube(path: str | Path) -> tuple[Atoms, np.ndarray]:
    """Structure and density (nx, ny, nz), float64, e/A^3, of a cube file whose grid fills its periodic cell.

    Positions are given relative to the file's origin, which grid point (0, 0, 0) sits on. Raises InputError: no such
    file, not a cube, truncated, or orbitals instead of a density.
    """
    with _open(path) as file:
        atoms, shape = _read_head(file, str(path))
        values = read_numbers(file, shape[0] * shape[1] * shape[2], str(path))
    values /= BOHR**3
    return atoms, values.reshape(shape)


def read_cube_shape(path: str | Path) -> Shape:
    """The grid of a cube file, without its numbers. Raises InputError if it is not one."""
    with _open(path) as file:
        return _read_head(file, str(path))[1]


def _head(atoms: Atoms, shape: Shape) -> str:
    rows = [atoms.get_chemical_formula(), "electron density, e/bohr^3", f"{len(atoms):5d}" + _vector((0.0, 0.0, 0.0))]
    rows += [f"{n:5d}" + _vector(step / n / BOHR) for n, step in zip(shape, atoms.cell.array, strict=True)]
    rows += [
        f"{number:5d}" + _vector((float(number), *position / BOHR))
        for number, position in zip(atoms.numbers, atoms.positions, strict=True)
    ]
    return "\n".join(rows) + "\n"


def _vector(values: Iterable[float]) -> str:
    return "".join(f" {x:14.8f}" for x in values)


def _open(path: str | Path) -> TextIO:
    if not Path(path).is_file():
        raise InputError(f"There is no cube file {path}.")
    try:
        return open_numbers(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def _read_head(file: TextIO, name: str) -> tuple[Atoms, Shape]:
    try:
        atoms, shape = _parse_head(file)
    except (ValueError, IndexError) as error:
        raise InputError(f"{name} is not a cube file: its head cannot be read.") from error
    if atoms is None:
        raise InputError(f"{name} holds orbitals; a cube file with one density is needed.")
    return atoms, shape


def _parse_head(file: TextIO) -> tuple[Atoms | None, Shape]:
    file.readline()
    file.readline()
    count, *rest = file.readline().split()
    if int(count) < 0:
        return None, (0, 0, 0)
    origin = np.array([float(x) for x in rest[:3]])
    lines = [file.readline().split() for _ in range(3)]
    sizes = [int(line[0]) for line in lines]
    steps = np.array([[float(x) for x in line[1:4]] for line in lines])
    table = np.array([[float(x) for x in file.readline().split()[:5]] for _ in range(int(count))]).reshape(-1, 5)
    if 0 in sizes:
        raise ValueError("a grid without points")
    # a negative number of points says that the lengths are in A
    unit = BOHR if sizes[0] > 0 else 1.0
    shape = (abs(sizes[0]), abs(sizes[1]), abs(sizes[2]))
    cell = steps * np.array(shape)[:, None] * unit
    positions = (table[:, 2:] - origin) * unit
    return Atoms(numbers=table[:, 0].astype(int), positions=positions, cell=cell, pbc=True), shape
