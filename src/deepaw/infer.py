"""Trained models for other programs, with the methods, shapes and signs of DeePMD-kit's classes of these names.

from deepaw.infer import DeepPot

potential = DeepPot("water.safetensors")
energy, force, virial = potential.eval(coord, cell, atype)

DeepDipole and DeepPolar are the same for models of dipoles and polarizabilities.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.deepeval import DeepEval, errors_with_frame
from deepaw.potential.evaluation.frames import VIRTUAL, read_frames
from deepaw.potential.exact_tensors import TensorEvaluation
from deepaw.potential.files.formats import read_potential, read_tensor
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel

__all__ = ["DeepDipole", "DeepPolar", "DeepPot"]


class DeepPot(DeepEval[PotentialModel, PotentialEngine]):
    """A potential that takes frames as arrays.

    model: a file (.safetensors, .dp, .yaml, .pb, or a .pt checkpoint), or a model. precision: float64, within 1e-8 of the
    equations; float32; or exact, the equations themselves.

    Raises InputError: what reading the file raises; no such precision.
    """

    def __init__(self, model: str | Path | PotentialModel, precision: str = "float64") -> None:
        loaded = model if isinstance(model, PotentialModel) else read_potential(model)
        super().__init__(loaded, PotentialEngine(loaded, precision))

    def eval(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> tuple[np.ndarray, ...]:
        """Energy (nframes, 1), eV, force (nframes, natoms, 3), eV/A, virial (nframes, 9), eV; float64.

        With `atomic` also the energies of atoms (nframes, natoms, 1) and their virials (nframes, natoms, 9). The virial
        is -dE/d(strain), positive where a cell wants to expand.

        coord: (nframes, natoms * 3) or (nframes, natoms, 3), A; of one frame also (natoms, 3) or flat; inside the cell
        or not. cell: (nframes, 9) or (nframes, 3, 3), A, of any size; None without periodicity. atype: (natoms,), or
        (nframes, natoms), where with `mixed_type` -1 is a place without an atom. fparam: (nframes, n), or (n,) for all
        frames. aparam: (nframes, natoms, n), or (natoms, n) or (n,) for all frames or atoms.

        Frames are worked on one after the other, and each in pieces, so that memory grows with one frame's neighbours.

        Raises InputError: as `read_frames`; two atoms on one spot.
        """
        frames = read_frames(self._model, coord, cell, atype, fparam, aparam, mixed_type=mixed_type)
        nframes, natoms = frames.types.shape
        energy, force, virial = np.empty((nframes, 1)), np.zeros((nframes, natoms, 3)), np.empty((nframes, 9))
        atom_energy = np.zeros((nframes, natoms, 1 if atomic else 0))
        atom_virial = np.zeros((nframes, natoms, 9 if atomic else 0))
        for index in range(nframes):
            real = frames.types[index] != VIRTUAL
            with errors_with_frame(index, nframes):
                found = self._engine.evaluate(frames.frame(index), atomic_virial=atomic)
            energy[index], virial[index] = float(found.energy), found.virial.numpy().reshape(9)
            force[index, real] = found.force.numpy()
            if atomic and found.atom_virial is not None:
                atom_energy[index, real, 0] = found.atom_energy.numpy()
                atom_virial[index, real] = found.atom_virial.numpy().reshape(-1, 9)
        return (energy, force, virial, atom_energy, atom_virial) if atomic else (energy, force, virial)


class _DeepTensor(DeepEval[TensorModel, TensorEngine]):
    """A model of tensors of n numbers each, 3 or 9, in the unit of its labels.

    model, precision: as of `DeepPot`. Raises InputError: what reading the file raises; a model of something else; no
    such precision.
    """

    _kind: ClassVar[str]

    def __init__(self, model: str | Path | TensorModel, precision: str = "float64") -> None:
        loaded = model if isinstance(model, TensorModel) else read_tensor(model, self._kind)
        if (found := loaded.config.fitting_net.type) != self._kind:
            raise InputError(f"the model has a fitting net of type {found}; {self._kind} is needed here.")
        super().__init__(loaded, TensorEngine(loaded, precision))

    def eval(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        atomic: bool = True,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> np.ndarray:
        """Tensors of atoms (nframes, natoms, n), 0 for atoms that have none; with atomic=False those of frames
        (nframes, n); float64.

        Arguments and errors as of `DeepPot.eval`.
        """
        frames, found = self._evaluate(coord, cell, atype, fparam, aparam, mixed_type)
        nframes, natoms = frames.shape
        result = np.zeros((nframes, natoms, self._size))
        for index, each in enumerate(found):
            result[index, frames[index]] = each.atom_tensor.numpy().reshape(-1, self._size)
        return result if atomic else result.sum(axis=1)

    def eval_full(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> tuple[np.ndarray, ...]:
        """The tensor of each frame (nframes, n) and, for each of its components c, force (nframes, n, natoms, 3), which
        is -dT_c/dr, and virial (nframes, n, 9), -dT_c/d(strain); float64.

        With `atomic` also the tensors of atoms (nframes, natoms, n) and virials of atoms (nframes, n, natoms, 9).
        Arguments and errors as of `DeepPot.eval`.
        """
        frames, found = self._evaluate(coord, cell, atype, fparam, aparam, mixed_type, full=True, atomic=atomic)
        (nframes, natoms), n = frames.shape, self._size
        atom_tensor, force = np.zeros((nframes, natoms, n)), np.zeros((nframes, n, natoms, 3))
        virial, atom_virial = np.empty((nframes, n, 9)), np.zeros((nframes, n, natoms if atomic else 0, 9))
        for index, each in enumerate(found):
            real = frames[index]
            atom_tensor[index, real] = each.atom_tensor.numpy().reshape(-1, n)
            force[index][:, real] = each.force.numpy()
            virial[index] = each.virial.numpy().reshape(n, 9)
            if atomic and each.atom_virial is not None:
                atom_virial[index][:, real] = each.atom_virial.numpy().reshape(n, -1, 9)
        tensor = atom_tensor.sum(axis=1)
        return (tensor, force, virial, atom_tensor, atom_virial) if atomic else (tensor, force, virial)

    @property
    def _size(self) -> int:
        return int(np.prod(self._model.shape))

    def _evaluate(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        fparam: ArrayLike | None,
        aparam: ArrayLike | None,
        mixed_type: bool,
        *,
        full: bool = False,
        atomic: bool = False,
    ) -> tuple[np.ndarray, list[TensorEvaluation]]:
        """Which places hold atoms (nframes, natoms), and what the engine says of each frame."""
        frames = read_frames(self._model, coord, cell, atype, fparam, aparam, mixed_type=mixed_type)
        places, found, shape = frames.types != VIRTUAL, [], self._model.shape
        for index, real in enumerate(places):
            unit = np.eye(self._size).reshape(self._size, 1, *shape)
            with errors_with_frame(index, len(frames)):
                found.append(
                    self._engine.evaluate(
                        frames.frame(index),
                        weights=np.broadcast_to(unit, (self._size, int(real.sum()), *shape)) if full else None,
                        atomic_virial=atomic,
                    )
                )
        return places, found


class DeepDipole(_DeepTensor):
    """Dipoles: a model file, or a model, as for `DeepPot`; precision as there."""

    _kind = "dipole"


class DeepPolar(_DeepTensor):
    """Polarizabilities, xx, xy, xz, yx, ...: a model file, or a model, as for `DeepPot`; precision as there."""

    _kind = "polar"
