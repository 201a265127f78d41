"""Labels of the frames of a system: energies, forces and more, and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepaw.potential.data.hdf5 import SystemPath
from deepaw.potential.data.sets import Quantity, find_quantity

PER_ATOM = {"force", "atom_ener", "atom_pref", "aparam", "atomic_dipole", "atomic_polarizability"}
"""Labels with one row per atom."""

OF_SELECTED = {"atomic_dipole", "atomic_polarizability"}
"""Labels whose files may hold the rows of the atoms that a model predicts tensors of, alone."""


@dataclass(frozen=True)
class LabelRequest:
    """Labels that a model reads; files of others do not matter.

    names: as in `Frame.labels`. types: types of atoms that have tensors, indices into the model's type map, or None for
    all.
    """

    names: frozenset[str]
    types: tuple[int, ...] | None = None


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


def find_labels(
    sets: Sequence[SystemPath],
    counts: Sequence[int],
    types: np.ndarray | None,
    natoms: int,
    request: LabelRequest | None = None,
) -> Labels:
    """Find the labels that every set has.

    types: of the atoms of all frames, indices into the model's type map; None where frames differ. request: labels to
    find; by default all, where those of `OF_SELECTED` may have fewer rows than there are atoms, whichever these are.

    Raises InputError: as `find_quantity`.
    """
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
        if request is not None and name not in request.names:
            continue
        atoms = None
        if name in OF_SELECTED and types is not None:
            if request is None:
                shape = (None, *shape[1:])
            elif request.types is not None:
                atoms = np.flatnonzero(np.isin(types, request.types)).tolist()
        short, long = name.replace("atomic_", "atom_"), name.replace("atom_", "atomic_")
        names = list(dict.fromkeys((name, short, long)))
        if (quantity := find_quantity(sets, counts, names, shape, atoms=atoms)) is not None:
            quantities[name] = quantity
    return Labels(quantities)
