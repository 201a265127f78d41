"""Frames that engines evaluate. Several small frames in one call cost little more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepaw.potential.exact import Evaluation


@dataclass(frozen=True, eq=False)
class Frame:
    """Atoms of one structure.

    coord: (natoms, 3), A. cell: (3, 3), A, or None without periodicity. types: (natoms,), indices into the model's
    type map. periodic: along which cell vectors. fparam: (numb_fparam,). aparam: (natoms, numb_aparam).
    """

    coord: np.ndarray
    cell: np.ndarray | None
    types: np.ndarray
    periodic: Sequence[bool] = (True, True, True)
    fparam: np.ndarray | None = None
    aparam: np.ndarray | None = None


def split_evaluation(joined: Evaluation, sizes: Sequence[int], atomic_virial: bool) -> list[Evaluation]:
    """Split the evaluation of joined frames, with virials of atoms, into evaluations of each frame.

    sizes: number of atoms of each frame. atomic_virial: whether to return virials of atoms.
    """
    assert joined.atom_virial is not None
    frame = torch.arange(len(sizes)).repeat_interleave(torch.tensor(list(sizes)))
    energy = joined.atom_energy.new_zeros(len(sizes)).index_add(0, frame, joined.atom_energy)
    virial = joined.atom_virial.new_zeros(len(sizes), 3, 3).index_add(0, frame, joined.atom_virial)
    parts = (values.split(list(sizes)) for values in (joined.force, joined.atom_energy, joined.atom_virial))
    return [
        Evaluation(frame_energy, force, frame_virial, atom_energy, atom_virial if atomic_virial else None)
        for frame_energy, frame_virial, force, atom_energy, atom_virial in zip(energy, virial, *parts, strict=True)
    ]
