"""Predictions and labels of a batch of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class LabelKind(NamedTuple):
    """Label of frames or of atoms.

    field: in `Labels`. data: file name in data sets. shape: of the label of a frame, or of an atom if is_atomic.
    """

    field: str
    data: str
    shape: tuple[int, ...]
    is_atomic: bool


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
"""Labels that can be trained on."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for concatenated frames; eV and A, tensors in the unit of the labels.

    energy: (nframes,), force: (natoms, 3), virial: (nframes, 3, 3), atom_energy: (natoms,), tensor: (nframes, *shape),
    atom_tensor: (natoms, *shape); None if not computed.
    """

    energy: Tensor | None = None
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None
    tensor: Tensor | None = None
    atom_tensor: Tensor | None = None


@dataclass(frozen=True)
class Labels:
    """Labels in the order and shapes of `Predictions`; None if no frame has them.

    atom_pref: (natoms,), weights of the atoms' forces, 0 or more; None: 1 for all with `use_default_pf`.
    selected: (natoms,), 1 for atoms that have the predicted quantity, 0 for others; never None.
    has_energy, ...: (nframes,) bool, frames that have the label, or None if all have it. Values of frames without the
    label are ignored.
    """

    energy: Tensor | None = None
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None
    atom_pref: Tensor | None = None
    tensor: Tensor | None = None
    atom_tensor: Tensor | None = None
    selected: Tensor | None = None
    has_energy: Tensor | None = None
    has_force: Tensor | None = None
    has_virial: Tensor | None = None
    has_atom_energy: Tensor | None = None
    has_atom_pref: Tensor | None = None
    has_tensor: Tensor | None = None
    has_atom_tensor: Tensor | None = None
