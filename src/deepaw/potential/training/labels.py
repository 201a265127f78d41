"""What a model says of a batch of frames, and what it should say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class LabelKind(NamedTuple):
    """field: of `Labels`. data: its name in data. shape: of a frame's or, where it is of_atoms, of an atom's."""

    field: str
    data: str
    shape: tuple[int, ...]
    of_atoms: bool


LABELS = {
    "energy": LabelKind("energy", "energy", (), False),
    "force": LabelKind("force", "force", (3,), True),
    "virial": LabelKind("virial", "virial", (3, 3), False),
    "atom_energy": LabelKind("atom_energy", "atom_ener", (), True),
    "atom_pref": LabelKind("atom_pref", "atom_pref", (), True),
    "dipole": LabelKind("tensor", "dipole", (3,), False),
    "atom_dipole": LabelKind("atom_tensor", "atomic_dipole", (3,), True),
    "polarizability": LabelKind("tensor", "polarizability", (3, 3), False),
    "atom_polarizability": LabelKind("atom_tensor", "atomic_polarizability", (3, 3), True),
}
"""All labels that can be learnt."""


@dataclass(frozen=True)
class Predictions:
    """Of frames one after the other; eV and A, tensors in the unit of the labels.

    energy: (nframes,), force: (natoms, 3), virial: (nframes, 3, 3), atom_energy: (natoms,), tensor: (nframes, *shape),
    atom_tensor: (natoms, *shape); None where not asked for.
    """

    energy: Tensor | None = None
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None
    tensor: Tensor | None = None
    atom_tensor: Tensor | None = None


@dataclass(frozen=True)
class Labels:
    """What `Predictions` should be, in the same order and shapes; None where no frame has it.

    atom_pref: (natoms,), weights of the atoms' forces, 0 or more; None is 1 for all with `use_default_pf`.
    selected: (natoms,), 1 for atoms that have what is predicted, 0 for others; always there.
    energy_given, ...: (nframes,) bool, which frames have that label; None where all of them do. What a frame without a
    label has in its place does not count.
    """

    energy: Tensor | None = None
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None
    atom_pref: Tensor | None = None
    tensor: Tensor | None = None
    atom_tensor: Tensor | None = None
    selected: Tensor | None = None
    energy_given: Tensor | None = None
    force_given: Tensor | None = None
    virial_given: Tensor | None = None
    atom_energy_given: Tensor | None = None
    atom_pref_given: Tensor | None = None
    tensor_given: Tensor | None = None
    atom_tensor_given: Tensor | None = None
