"""Trained potentials for other programs, with the methods, shapes and signs of DeePMD-kit's class of this name.

from deepaw.infer import DeepPot

potential = DeepPot("water.safetensors")
energy, force, virial = potential.eval(coord, cell, atype)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.frames import VIRTUAL, Frames, read_frames
from deepaw.potential.files.formats import read_potential
from deepaw.potential.model import PotentialModel

__all__ = ["DeepPot"]


class DeepPot:
    """A potential that takes frames as arrays.

    model: a file (.safetensors, .dp, .yaml, or a .pt checkpoint), or a model. precision: float64, within 1e-8 of the
    equations; float32; or exact, the equations themselves.

    Raises InputError: what reading the file raises; no such precision.
    """

    def __init__(self, model: str | Path | PotentialModel, precision: str = "float64") -> None:
        loaded = model if isinstance(model, PotentialModel) else read_potential(model)
        self._engine = PotentialEngine(loaded, precision)
        self._model = loaded

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
            with _naming(index, nframes):
                found = self._engine.evaluate(
                    *_structure(frames, index, real),
                    fparam=None if frames.fparam is None else frames.fparam[index],
                    aparam=None if frames.aparam is None else frames.aparam[index, real],
                    atomic_virial=atomic,
                )
            energy[index], virial[index] = float(found.energy), found.virial.numpy().reshape(9)
            force[index, real] = found.force.numpy()
            if atomic and found.atom_virial is not None:
                atom_energy[index, real, 0] = found.atom_energy.numpy()
                atom_virial[index, real] = found.atom_virial.numpy().reshape(-1, 9)
        return (energy, force, virial, atom_energy, atom_virial) if atomic else (energy, force, virial)

    def eval_descriptor(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> np.ndarray:
        """Descriptors (nframes, natoms, width), float64, by the equations whatever the precision; arrays as in `eval`.

        fparam and aparam are taken for DeePMD-kit's sake: descriptors do not depend on them.
        """
        config = self._model.config.fitting_net
        fparam = np.zeros(config.numb_fparam) if fparam is None and config.numb_fparam else fparam
        aparam = np.zeros(config.numb_aparam) if aparam is None and config.numb_aparam else aparam
        frames = read_frames(self._model, coord, cell, atype, fparam, aparam, mixed_type=mixed_type)
        result = np.zeros((*frames.types.shape, self._model.descriptor.width))
        for index in range(len(frames)):
            real = frames.types[index] != VIRTUAL
            with _naming(index, len(frames)):
                result[index, real] = self._engine.descriptors(*_structure(frames, index, real)).numpy()
        return result

    def get_rcut(self) -> float:
        """A, beyond which atoms do not see each other."""
        return self._model.rcut

    def get_type_map(self) -> list[str]:
        """The name of each type."""
        return list(self._model.type_map)

    def get_ntypes(self) -> int:
        """How many types there are."""
        return len(self._model.type_map)

    def get_sel(self) -> list[int]:
        """Neighbours of each type that the descriptor counts with."""
        return list(self._model.descriptor.sel)

    def get_dim_fparam(self) -> int:
        """Parameters of a frame."""
        return self._model.config.fitting_net.numb_fparam

    def get_dim_aparam(self) -> int:
        """Parameters of an atom."""
        return self._model.config.fitting_net.numb_aparam

    def has_default_fparam(self) -> bool:
        """Whether fparam may be left out though the model has some."""
        return self._model.config.fitting_net.default_fparam is not None

    def get_sel_type(self) -> list[int]:
        """The types whose atoms have energies: all but `atom_exclude_types`."""
        excluded = self._model.config.atom_exclude_types
        return [kind for kind in range(self.get_ntypes()) if kind not in excluded]

    def get_descriptor_type(self) -> str:
        """se_e2_a, se_e2_r or hybrid."""
        return self._model.config.descriptor.type

    @property
    def has_efield(self) -> bool:
        """Whether it takes an electric field: no."""
        return False

    @property
    def has_spin(self) -> bool:
        """Whether it takes spins: no."""
        return False

    @property
    def has_hessian(self) -> bool:
        """Whether `eval` gives second derivatives: no."""
        return False

    def get_ntypes_spin(self) -> int:
        """Types with a spin: 0."""
        return 0

    def get_model_def_script(self) -> dict[str, Any]:
        """The section `model` of the input file, with all defaults."""
        return self._model.config.model_dump(mode="json")

    def get_model_size(self) -> dict[str, int]:
        """Numbers of weights."""
        sizes = {
            "descriptor": sum(parameter.numel() for parameter in self._model.descriptor.parameters()),
            "fitting-net": sum(parameter.numel() for parameter in self._model.fitting.parameters()),
        }
        return sizes | {"total": sum(sizes.values())}

    def get_model(self) -> PotentialModel:
        """The model."""
        return self._model


def _structure(frames: Frames, index: int, real: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Coordinates, cell and types of one frame."""
    cell = None if frames.cell is None else frames.cell[index]
    return frames.coord[index, real], cell, frames.types[index, real]


@contextmanager
def _naming(frame: int, nframes: int) -> Iterator[None]:
    """Errors say which of several frames they are about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"frame {frame + 1}: {error}" if nframes > 1 else str(error)) from None
