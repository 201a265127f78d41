"""Variants of crystals: other volumes, random strains, random displacements.

The random numbers of a variant follow from the crystal's name and the variant's number, so the same command makes the
same structures.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from deepaw.errors import InputError
from deepaw.gpaw.structures import NamedStructure
from deepaw.structure.checks import check_atoms

LARGEST_STRAIN = 0.3


@dataclass(frozen=True)
class Variation:
    """What is made of each crystal.

    volumes: ratios to its own volume. strain: largest component of random symmetric strains. rattle: standard deviation
    of displacements, A. copies: of each volume, different where there is strain or rattle.

    Raises InputError: a volume that is not above 0, a negative or very large strain or rattle, no copies, or several
    that would be the same.
    """

    volumes: tuple[float, ...] = (1.0,)
    strain: float = 0.0
    rattle: float = 0.0
    copies: int = 1

    def __post_init__(self) -> None:
        for volume in self.volumes:
            if not (isfinite(volume) and volume > 0):
                raise InputError(f"--volumes has the ratio {volume:g}; ratios to the crystal's volume are above 0.")
        if not 0 <= self.strain <= LARGEST_STRAIN:
            raise InputError(f"--strain is {self.strain:g}; it must be from 0 to {LARGEST_STRAIN:g}.")
        if not (isfinite(self.rattle) and 0 <= self.rattle <= 1):
            raise InputError(f"--rattle is {self.rattle:g} A; it must be from 0 to 1.")
        if self.copies < 1:
            raise InputError(f"--copies is {self.copies}; it must be 1 or more.")
        if self.copies > 1 and not (self.strain or self.rattle):
            raise InputError(f"--copies {self.copies} without --strain or --rattle would be the same structure each.")

    @property
    def changes(self) -> bool:
        """Whether variants differ from the crystals."""
        return self.volumes != (1.0,) or self.strain > 0 or self.rattle > 0


def make_variants(crystals: Sequence[NamedStructure], variation: Variation) -> list[NamedStructure]:
    """Return the variants of all crystals, the crystals themselves where nothing changes; `prototype` is kept in info.

    Raises InputError: atoms on one spot after a displacement.
    """
    variants = []
    for crystal in crystals:
        prototype = str(crystal.atoms.info.get("prototype", crystal.name))
        if not variation.changes:
            variants.append(_named(crystal, crystal.name, prototype))
            continue
        for volume in variation.volumes:
            for copy in range(1, variation.copies + 1):
                name = f"{crystal.name}_v{volume:g}_{copy}"
                variant = _named(crystal, name, prototype)
                _change(variant, volume, variation, np.random.default_rng(zlib.crc32(name.encode())))
                check_atoms(variant.atoms, name)
                variants.append(variant)
    return variants


def _named(crystal: NamedStructure, name: str, prototype: str) -> NamedStructure:
    atoms = crystal.atoms.copy()
    atoms.calc = None
    atoms.info = {"name": name, "prototype": prototype}
    return NamedStructure(name, atoms)


def _change(variant: NamedStructure, volume: float, variation: Variation, random: np.random.Generator) -> None:
    atoms = variant.atoms
    target = volume * atoms.get_volume()
    strain = random.uniform(-variation.strain, variation.strain, (3, 3))
    cell = atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2)
    cell *= (target / abs(np.linalg.det(cell))) ** (1 / 3)
    atoms.set_cell(cell, scale_atoms=True)
    atoms.positions += random.normal(scale=variation.rattle, size=atoms.positions.shape)
