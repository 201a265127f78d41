"""What engines evaluate. Small frames together cost little more than one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepaw.potential.exact import Evaluation


@dataclass(frozen=True, eq=False)
class Frame:
    """coord: (natoms, 3), A. cell: (3, 3), A, or None without periodicity. types: (natoms,), indices into the model's
    type map. periodic: along which cell vectors. fparam: (numb_fparam,). aparam: (natoms, numb_aparam).
    """

    coord: np.ndarray
    cell: np.ndarray | None
    types: np.ndarray
    periodic: Sequence[bool] = (True, True, True)
    fparam: np.ndarray | None = None
    aparam: np.ndarray | None = None


def divided(whole: Evaluation, sizes: Sequence[int], atomic_virial: bool) -> list[Evaluation]:
    """What was found for atoms that are joined, with their virials, for each of the frames of so many atoms."""
    assert whole.atom_virial is not None
    frame = torch.arange(len(sizes)).repeat_interleave(torch.tensor(list(sizes)))
    energy = whole.atom_energy.new_zeros(len(sizes)).index_add(0, frame, whole.atom_energy)
    virial = whole.atom_virial.new_zeros(len(sizes), 3, 3).index_add(0, frame, whole.atom_virial)
    parts = (values.split(list(sizes)) for values in (whole.force, whole.atom_energy, whole.atom_virial))
    return [
        Evaluation(of_energy, force, of_virial, atom_energy, of_atoms if atomic_virial else None)
        for of_energy, of_virial, force, atom_energy, of_atoms in zip(energy, virial, *parts, strict=True)
    ]
