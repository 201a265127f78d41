"""Where a density goes: a file, its format, and what is written besides the density."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.blocks import Shape
from deepaw.density.files.chgcar import read_augmentation, write_chgcar
from deepaw.density.files.cube import write_cube
from deepaw.density.files.espresso import write_espresso_dat, write_espresso_hdf5
from deepaw.density.files.formats import Format, format_of
from deepaw.density.files.npy import write_npy
from deepaw.errors import InputError
from deepaw.outputfile import check_output


@dataclass(frozen=True)
class Output:
    """A file that a density can be written to, checked as far as that is possible beforehand.

    ecutrho: cutoff of the plane waves in a file of Quantum ESPRESSO, Ry.
    """

    path: Path
    format: Format
    augmentation: Augmentation | None = None
    augmentation_source: Path | None = None
    ecutrho: float | None = None

    @property
    def wants_occupancies(self) -> bool:
        """Whether predicted occupancies have a place in it."""
        return self.format is Format.CHGCAR and self.augmentation is None

    def write(
        self,
        atoms: Atoms,
        shape: Shape,
        blocks: Iterable[np.ndarray],
        magnetisation: Iterable[np.ndarray] | None = None,
        occupancies: Augmentation | None = None,
    ) -> None:
        """Write blocks (nx, ny, n) along z, e/A^3. Raises InputError where that fails; nothing is left then.

        Only a CHGCAR has room for predicted occupancies, those of an output that `wants_occupancies`. Cubes and NumPy
        arrays take the total density alone, the other formats the magnetisation as well.
        """
        match self.format:
            case Format.CHGCAR:
                if self.augmentation is not None:
                    self.augmentation.check_fits(atoms, magnetisation is not None, str(self.augmentation_source))
                write_chgcar(self.path, atoms, shape, blocks, magnetisation, self.augmentation or occupancies)
            case Format.CUBE:
                write_cube(self.path, atoms, shape, blocks)
            case Format.NPY:
                write_npy(self.path, shape, blocks)
            case Format.ESPRESSO_HDF5 | Format.ESPRESSO_DAT:
                assert self.ecutrho is not None  # as choose_output sees to
                write = write_espresso_hdf5 if self.format is Format.ESPRESSO_HDF5 else write_espresso_dat
                write(self.path, atoms, shape, blocks, magnetisation, self.ecutrho)


def choose_output(
    path: Path | None,
    format: Format | None,
    augmentation_from: Path | None,
    atoms: Atoms,
    ecutrho: float | None = None,
) -> Output | None:
    """The output that the arguments ask for, None without a path; the format is the name's unless given.

    Raises InputError: a folder that is not there, a name that says no format, occupancies that do not fit `atoms` or
    that the format has no place for, a file of Quantum ESPRESSO without `ecutrho` (Ry).
    """
    if path is None:
        for option, value in (("--format", format), ("--augmentation-from", augmentation_from)):
            if value is not None:
                raise InputError(f"{option} {value} needs an output file; name it with -o.")
        return None
    format = format or format_of(path)
    check_output(path)
    if format in (Format.ESPRESSO_HDF5, Format.ESPRESSO_DAT) and ecutrho is None:
        raise InputError(
            f"{path} holds the plane waves of Quantum ESPRESSO up to a cutoff; give that of the density with --ecutrho "
            "in Ry, as in the calculation's input (4 times its ecutwfc unless it says otherwise)."
        )
    if augmentation_from is None:
        return Output(path, format, ecutrho=ecutrho)
    if format is not Format.CHGCAR:
        raise InputError(f"Only a CHGCAR holds augmentation occupancies; {path} is to be written as {format}.")
    augmentation = read_augmentation(augmentation_from)
    augmentation.check_fits(atoms, spin=False, name=str(augmentation_from))
    return Output(path, format, augmentation, augmentation_from)
