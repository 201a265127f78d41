"""PAW augmentation occupancies: the part of a CHGCAR that belongs to the atoms and not to the grid.

A pseudo density on a grid misses what sits inside the augmentation spheres; VASP appends one block of numbers per atom
for it. Those of an earlier calculation of the same atoms in nearly the same places are carried over as text, digit for
digit; those that a model predicts are made in `deepaw.density.occupancies.augmentation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.files.numbers import read_numbers
from deepaw.errors import InputError

HEADING = "augmentation occupancies"


@dataclass(frozen=True)
class Augmentation:
    """The augmentation text of one CHGCAR.

    `total` and, for a spin-polarised file, `magnetisation` hold the lines of all atoms; `moments` is the line of atomic
    moments between them. `symbols` are the chemical symbols of the atoms, in order.
    """

    symbols: tuple[str, ...]
    total: str
    magnetisation: str | None = None
    moments: str = ""

    def check_fits(self, atoms: Atoms, spin: bool, name: str) -> None:
        """Refuse to put these occupancies beside the density of `atoms`.

        Raises InputError, calling their file `name`: other species, another order or other counts of atoms, or a
        spin-polarised density (`spin`) and a file without the occupancies of the magnetisation.
        """
        wanted = tuple(atoms.symbols)
        if len(self.symbols) != len(wanted):
            raise InputError(
                f"{name} has the augmentation occupancies of {len(self.symbols)} atoms, but the structure has "
                f"{len(wanted)}; they must be the same atoms."
            )
        for i, (there, here) in enumerate(zip(self.symbols, wanted, strict=True), start=1):
            if there != here:
                raise InputError(
                    f"{name} has {there} as its atom {i} where the structure has {here}; augmentation occupancies can "
                    "only be taken over for the same species in the same order."
                )
        if spin and self.magnetisation is None:
            raise InputError(
                f"{name} is not spin-polarised, so it has no augmentation occupancies for the magnetisation."
            )


def split_augmentation(lines: Sequence[str], atoms: Atoms, name: str) -> tuple[str, str]:
    """Divide the lines after a grid into the occupancies of all atoms and the rest (a line of atomic moments or none).

    Raises InputError, calling the file `name`: an atom without occupancies, fewer numbers than announced, or atoms of
    one species with different numbers of them.
    """
    counts: dict[int, int] = {}
    position = 0
    while position < len(lines) and is_heading(lines[position]):
        atom, count = _heading(lines[position], name)
        position += 1
        found = 0
        while found < count and position < len(lines) and not is_heading(lines[position]):
            found += len(lines[position].split())
            position += 1
        if found != count:
            raise InputError(
                f"{name} has {found} augmentation occupancies for atom {atom} where it announces {count}; "
                "it may be truncated."
            )
        counts.setdefault(atom, count)
    if sorted(counts) != list(range(1, len(atoms) + 1)):
        raise InputError(f"{name} has augmentation occupancies for {len(counts)} of its {len(atoms)} atoms.")
    per_species: dict[str, int] = {}
    for atom, count in counts.items():
        symbol = atoms.symbols[atom - 1]
        if per_species.setdefault(symbol, count) != count:
            raise InputError(
                f"{name} has {count} augmentation occupancies for atom {atom} ({symbol}), but {per_species[symbol]} "
                "for another atom of the species."
            )
    return "".join(lines[:position]), "".join(lines[position:])


def atom_numbers(text: str, name: str) -> list[NDArray[np.float64]]:
    """The occupancies of every atom in the text of `split_augmentation`, atoms in order.

    Raises InputError, calling the file `name`: something that is not a finite number.
    """
    lines = text.splitlines()
    starts = [place for place, line in enumerate(lines) if is_heading(line)]
    blocks: dict[int, NDArray[np.float64]] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        atom, count = _heading(lines[start], name)
        # a second block of an atom holds its imaginary part
        numbers = read_numbers(StringIO("\n".join(lines[start + 1 : end]) + "\n"), count, name)
        if not np.isfinite(numbers).all():
            raise InputError(f"{name} has augmentation occupancies for atom {atom} that are not finite numbers.")
        blocks.setdefault(atom, numbers)
    return [blocks[atom] for atom in sorted(blocks)]


def check_numbers(augmentation: Augmentation, name: str) -> None:
    """Raise InputError, calling the file `name`, unless the numbers are finite and the two spin blocks belong together.

    An atom has as many of the magnetisation as of the total density.
    """
    total = atom_numbers(augmentation.total, name)
    if augmentation.magnetisation is None:
        return
    magnetisation = atom_numbers(augmentation.magnetisation, name)
    for atom, (one, other) in enumerate(zip(total, magnetisation, strict=True), start=1):
        if len(one) != len(other):
            raise InputError(
                f"{name} has {len(one)} augmentation occupancies of the total density for atom {atom} and {len(other)} "
                "of the magnetisation; they should be as many."
            )


def is_heading(line: str) -> bool:
    """Whether `line` opens the occupancies of an atom."""
    return line.lstrip().startswith(HEADING)


def _heading(line: str, name: str) -> tuple[int, int]:
    """Atom number and count from 'augmentation occupancies [(imaginary part)]   1  33'.

    The two are Fortran integers of four columns, which touch from atom 1000 on.
    """
    rest = line.split(HEADING)[1].replace("(imaginary part)", "").rstrip()
    words = rest.split() if len(rest.split()) == 2 else [rest[:-4], rest[-4:]]
    try:
        return int(words[0]), int(words[1])
    except ValueError as error:
        raise InputError(f"{name} has the line {line.strip()!r}, which names no atom and count.") from error
