"""CHGCAR: the density VASP writes and restarts from.

The file holds density times cell volume (electrons, so that the mean over the grid is the electron count) with the
first grid index fastest, five numbers a line; then, of PAW calculations, the augmentation occupancies; then, of
spin-polarised calculations, the same for the magnetisation (up minus down).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
from ase import Atoms

from deepaw.density.files.augmentation import Augmentation, check_numbers, is_heading, split_augmentation
from deepaw.density.files.blocks import Shape, checked
from deepaw.density.files.numbers import format_rows, read_numbers
from deepaw.errors import InputError
from deepaw.outputfile import output_file
from deepaw.structure.checks import check_box
from deepaw.textfile import open_numbers

_NUMBER = " %17.10E"
_PER_LINE = 5


@dataclass(frozen=True)
class ChgcarHead:
    """What a CHGCAR says before its numbers: the structure and the grid (nx, ny, nz)."""

    atoms: Atoms
    shape: Shape


@dataclass(frozen=True)
class Chgcar:
    """A CHGCAR in memory: densities (nx, ny, nz), float64, e/A^3; `magnetisation` is up minus down."""

    atoms: Atoms
    density: np.ndarray
    magnetisation: np.ndarray | None = None
    augmentation: Augmentation | None = None


def write_chgcar(
    path: str | Path,
    atoms: Atoms,
    shape: Shape,
    blocks: Iterable[np.ndarray],
    magnetisation: Iterable[np.ndarray] | None = None,
    augmentation: Augmentation | None = None,
) -> None:
    """Write a density, and optionally its magnetisation, as VASP does.

    Parameters: `blocks` and `magnetisation`, arrays (nx, ny, n) along z in e/A^3 that add up to `shape`;
    `augmentation`, occupancies to append, whose fit to `atoms` the caller has checked. The atoms keep their order:
    consecutive atoms of one species share a column of the header, so that the file matches the POSCAR the structure
    came from. Memory: one block.

    Raises InputError where the file cannot be written; nothing is left then.
    """
    volume = float(atoms.get_volume())
    with output_file(path) as temporary, temporary.open("wb") as file:
        file.write(_head(atoms).encode())
        _write_grid(file, shape, blocks, volume)
        if augmentation is not None:
            file.write(augmentation.total.encode())
        if magnetisation is None:
            return
        if augmentation is not None:
            file.write(augmentation.moments.encode())
        _write_grid(file, shape, magnetisation, volume)
        if augmentation is not None and augmentation.magnetisation is not None:
            file.write(augmentation.magnetisation.encode())


def read_chgcar_head(path: str | Path) -> ChgcarHead:
    """Structure and grid of a CHGCAR, without its numbers. Raises InputError if it is not one."""
    with _open(path) as file:
        return _read_head(file, str(path))


def read_chgcar(path: str | Path) -> Chgcar:
    """A whole CHGCAR, with its magnetisation and augmentation occupancies if it has them.

    Raises InputError: no such file, not a CHGCAR, truncated, or of a non-collinear calculation.
    """
    name = str(path)
    with _open(path) as file:
        head = _read_head(file, name)
        volume = float(head.atoms.get_volume())
        grids, tails = [], []
        while True:
            grids.append(_read_grid(file, head.shape, volume, name))
            tail, more = _read_tail(file, head.shape)
            tails.append(tail)
            if not more:
                break
    return Chgcar(head.atoms, grids[0], grids[1] if len(grids) > 1 else None, _augmentation(tails, head.atoms, name))


def read_augmentation(path: str | Path) -> Augmentation:
    """The augmentation occupancies of a CHGCAR, its grids passed over.

    Raises InputError: no such file, not a CHGCAR, of a non-collinear calculation, without (complete) occupancies, or
    with some that are not finite numbers.
    """
    augmentation = find_augmentation(path)
    if augmentation is None:
        raise InputError(f"{path} has no augmentation occupancies; a CHGCAR of a PAW calculation is needed.")
    check_numbers(augmentation, str(path))
    return augmentation


def find_augmentation(path: str | Path) -> Augmentation | None:
    """The same, None where a CHGCAR has no occupancies at all."""
    name = str(path)
    tails = []
    with _open(path) as file:
        head = _read_head(file, name)
        more = True
        while more:
            _skip_grid(file, head.shape)
            tail, more = _read_tail(file, head.shape)
            tails.append(tail)
    return _augmentation(tails, head.atoms, name)


def _head(atoms: Atoms) -> str:
    runs = [(symbol, len(list(group))) for symbol, group in groupby(atoms.symbols)]
    rows = [atoms.get_chemical_formula(), "1.0"]
    rows += ["".join(f"{x:22.16f}" for x in vector) for vector in atoms.cell]
    rows += ["".join(f"{symbol:>5}" for symbol, _ in runs), "".join(f"{count:6d}" for _, count in runs), "Direct"]
    rows += ["".join(f"{x:20.16f}" for x in position) for position in atoms.get_scaled_positions(wrap=False)]
    return "\n".join(rows) + "\n\n"


def _write_grid(file: BinaryIO, shape: Shape, blocks: Iterable[np.ndarray], volume: float) -> None:
    file.write("".join(f"{n:5d}" for n in shape).encode() + b"\n")
    for values in _whole_lines(checked(blocks, shape), volume):
        file.writelines(format_rows(values, _NUMBER, _PER_LINE))


def _whole_lines(blocks: Iterable[np.ndarray], volume: float) -> Iterator[np.ndarray]:
    """The blocks in file order and units, cut where lines end; what is over goes before the next block."""
    rest = np.empty(0)
    for block in blocks:
        values = np.concatenate([rest, block.ravel(order="F").astype(np.float64) * volume])
        whole = len(values) - len(values) % _PER_LINE
        yield values[:whole]
        rest = values[whole:]
    yield rest


def _open(path: str | Path) -> TextIO:
    if not Path(path).is_file():
        raise InputError(f"There is no CHGCAR file {path}.")
    try:
        return open_numbers(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def _read_head(file: TextIO, name: str) -> ChgcarHead:
    from ase.io.vasp import read_vasp_configuration

    try:
        atoms = read_vasp_configuration(file)
        line = next(line for line in file if line.strip())
        nx, ny, nz = (int(word) for word in line.split())
    except Exception as error:  # whatever the parsing of a foreign file stumbles over
        raise InputError(f"{name} is not a CHGCAR: it does not start with a structure and a grid.") from error
    if min(nx, ny, nz) < 1:
        raise InputError(f"{name} says its grid is {line.strip()}; three positive whole numbers are needed.")
    check_box(atoms, name)
    return ChgcarHead(atoms, (nx, ny, nz))


def _read_grid(file: TextIO, shape: Shape, volume: float, name: str) -> np.ndarray:
    values = read_numbers(file, shape[0] * shape[1] * shape[2], name)
    values /= volume
    return np.ascontiguousarray(values.reshape(shape, order="F"))


def _skip_grid(file: TextIO, shape: Shape) -> None:
    per_line = max(1, len(file.readline().split()))
    lines = -(-shape[0] * shape[1] * shape[2] // per_line)
    deque(islice(file, lines - 1), maxlen=0)


def _read_tail(file: TextIO, shape: Shape) -> tuple[list[str], bool]:
    """The lines up to the one that repeats the grid sizes, and whether there was one."""
    sizes = [str(n) for n in shape]
    lines: list[str] = []
    for line in file:
        if line.split() == sizes:
            return lines, True
        lines.append(line)
    return lines, False


def _augmentation(tails: list[list[str]], atoms: Atoms, name: str) -> Augmentation | None:
    """The occupancies in the lines after each grid."""
    if len(tails) > 2:
        raise InputError(f"{name} is of a non-collinear calculation ({len(tails)} densities), which is not supported.")
    if not tails[0] or not is_heading(tails[0][0]):
        return None
    total, moments = split_augmentation(tails[0], atoms, name)
    if len(tails) == 1:
        return Augmentation(tuple(atoms.symbols), total)
    magnetisation, _ = split_augmentation(tails[1], atoms, name)
    return Augmentation(tuple(atoms.symbols), total, magnetisation, moments)
