"""Labels of the frames of a system: energies, forces and more, and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from deepaw.potential.data.sets import Quantity, find_quantity

PER_ATOM = {"force", "atom_ener", "atom_pref", "aparam", "atomic_dipole", "atomic_polarizability"}
"""Labels with one row per atom."""


class Labels(Mapping[str, np.ndarray]):
    """Arrays of labels by name, read from their files at each access."""

    def __init__(self, quantities: dict[str, Quantity]) -> None:
        self.quantities = quantities

    def __getitem__(self, name: str) -> np.ndarray:
        return self.quantities[name].all()

    def __iter__(self) -> Iterator[str]:
        return iter(self.quantities)

    def __len__(self) -> int:
        return len(self.quantities)

    def __contains__(self, name: object) -> bool:
        return name in self.quantities


def find_labels(sets: Sequence[Path], counts: Sequence[int], natoms: int) -> Labels:
    """Find the labels that every set has. Raises InputError: as `find_quantity`."""
    shapes: dict[str, tuple[int | None, ...]] = {
        "energy": (),
        "force": (natoms, 3),
        "virial": (3, 3),
        "atom_ener": (natoms,),
        "atom_pref": (natoms,),
        "dipole": (3,),
        "atomic_dipole": (natoms, 3),
        "polarizability": (3, 3),
        "atomic_polarizability": (natoms, 3, 3),
        "fparam": (None,),
        "aparam": (natoms, None),
    }
    quantities = {}
    for name, shape in shapes.items():
        short, long = name.replace("atomic_", "atom_"), name.replace("atom_", "atomic_")
        names = list(dict.fromkeys((name, short, long)))
        if (quantity := find_quantity(sets, counts, names, shape)) is not None:
            quantities[name] = quantity
    return Labels(quantities)
