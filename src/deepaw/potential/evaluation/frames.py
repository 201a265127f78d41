"""Structures as arrays in the shapes that DeePMD-kit takes, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.potential.data.geometry import cell_faults, coord_faults
from deepaw.potential.data.system import Frame as LabelledFrame
from deepaw.potential.engine.frames import Frame
from deepaw.potential.model.atomic import AtomicModel

VIRTUAL = -1
"""The type of places that hold no atom."""


@dataclass(frozen=True)
class Frames:
    """Frames of the same number of atoms, float64 and int64.

    coord: (nframes, natoms, 3), A. cell: (nframes, 3, 3), A, or None without periodicity. types: (nframes, natoms),
    `VIRTUAL` where there is no atom. fparam: (nframes, numb_fparam) or None. aparam: (nframes, natoms, numb_aparam) or
    None.
    """

    coord: np.ndarray
    cell: np.ndarray | None
    types: np.ndarray
    fparam: np.ndarray | None
    aparam: np.ndarray | None

    def __len__(self) -> int:
        return len(self.coord)

    def frame(self, index: int, periodic: Sequence[bool] = (True, True, True)) -> Frame:
        """The atoms that there are in one of them; periodic: along which cell vectors."""
        real = self.types[index] != VIRTUAL
        return Frame(
            self.coord[index, real],
            None if self.cell is None else self.cell[index],
            self.types[index, real],
            periodic,
            None if self.fparam is None else self.fparam[index],
            None if self.aparam is None else self.aparam[index, real],
        )


def without_labels(model: AtomicModel, frame: LabelledFrame) -> Frame:
    """A frame of data as the engine of a model takes it: of its labels, the parameters that the model asks for."""
    labels, config = frame.labels, model.config.fitting_net
    return Frame(
        frame.coord,
        frame.cell,
        frame.types,
        fparam=labels.get("fparam") if config.numb_fparam else None,
        aparam=labels.get("aparam") if config.numb_aparam else None,
    )


def read_frames(
    model: AtomicModel,
    coord: ArrayLike,
    cell: ArrayLike | None,
    atype: ArrayLike,
    fparam: ArrayLike | None = None,
    aparam: ArrayLike | None = None,
    *,
    mixed_type: bool = False,
) -> Frames:
    """Arrays in any of the shapes that DeePMD-kit takes.

    coord: nframes * natoms * 3 numbers in any shape. cell: nframes * 9 in any shape. atype: (natoms,), the same in all
    frames, or (nframes, natoms), where with `mixed_type` -1 says that there is no atom. fparam: nframes * numb_fparam
    numbers, or numb_fparam for all frames. aparam: nframes * natoms * numb_aparam numbers, natoms * numb_aparam for all
    frames, or numb_aparam for all atoms.

    Raises InputError: no atoms; a type that is not in the map; arrays of another size; numbers that are not finite; a
    cell or coordinates that no neighbour list can be made of; parameters that are missing.
    """
    types = _types(atype, model.type_map, mixed_type)
    natoms = types.shape[-1]
    x = _numbers("coord", coord)
    if x.size == 0 or x.size % (3 * natoms):
        raise InputError(
            f"coord has the shape {x.shape}; for the {natoms} atoms of atype it should be (nframes, {3 * natoms})."
        )
    x = x.reshape(-1, natoms, 3)
    nframes = len(x)
    if types.ndim == 2 and len(types) not in (1, nframes):
        raise InputError(f"atype has rows for {len(types)} frames and coord has {nframes}; they should agree.")
    types = np.broadcast_to(types, (nframes, natoms))
    if empty := np.flatnonzero((types == VIRTUAL).all(axis=1)).tolist():
        raise InputError(f"{_where(empty[0], nframes)} has no atoms; at least one is needed.")
    x = np.where((types == VIRTUAL)[:, :, None], 0.0, x)
    _refuse(coord_faults(x), nframes)
    box = None
    if cell is not None:
        box = _numbers("cell", cell)
        if box.size != 9 * nframes:
            raise InputError(f"cell has the shape {box.shape}; for {_count(nframes)} it should be ({nframes}, 9).")
        box = box.reshape(nframes, 3, 3)
        _refuse(cell_faults(box), nframes)
    config = model.config.fitting_net
    return Frames(
        x,
        box,
        types,
        _parameters("fparam", fparam, (nframes, config.numb_fparam), config.default_fparam is not None),
        _parameters("aparam", aparam, (nframes, natoms, config.numb_aparam)),
    )


def _types(atype: ArrayLike, type_map: Sequence[str], mixed_type: bool) -> np.ndarray:
    """(natoms,) or (nframes, natoms)."""
    given = _numbers("atype", atype)
    if given.ndim not in (1, 2):
        raise InputError(f"atype has the shape {given.shape}; it should be (natoms,), or (nframes, natoms).")
    if given.size == 0:
        raise InputError("There are no atoms in atype; at least one is needed.")
    least = VIRTUAL if mixed_type else 0
    wrong = np.argwhere(~((given >= least) & (given < len(type_map)) & (given == np.floor(given))))
    if len(wrong):
        known = ", ".join(f"{number} ({name})" for number, name in enumerate(type_map))
        place = tuple(wrong[0])
        raise InputError(f"atom {place[-1] + 1} has the type {given[place]:g}; the model knows {known}.")
    return given.astype(np.int64)


def _parameters(
    name: str, given: ArrayLike | None, shape: tuple[int, ...], has_default: bool = False
) -> np.ndarray | None:
    """In the full shape, (nframes, ..., numbers), from numbers for all of it or for its last axes only."""
    owner = {"fparam": "frame", "aparam": "atom"}[name]
    if given is None:
        if shape[-1] and not has_default:
            raise InputError(f"{name} is missing; the model needs {shape[-1]} for each {owner}.")
        return None
    if shape[-1] == 0:
        raise InputError(f"{name} is given, but the model takes none; leave it out.")
    values = _numbers(name, given)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds a number that is not finite (NaN or infinite).")
    for start in range(len(shape)):
        if values.size == int(np.prod(shape[start:])):
            return np.broadcast_to(values.reshape(shape[start:]), shape)
    raise InputError(f"{name} has the shape {values.shape}; it should be {shape}, {shape[-1]} for each {owner}.")


def _numbers(name: str, given: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "fiu" and array.size:
            raise ValueError
        return array.astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(f"{name} should be an array of real numbers, with rows of one length.") from None


def _refuse(faults: dict[int, str], nframes: int) -> None:
    if faults:
        first = min(faults)
        raise InputError(f"{_where(first, nframes)} has {faults[first]}.")


def _where(frame: int, nframes: int) -> str:
    return "The structure" if nframes == 1 else f"Frame {frame + 1} of {nframes}"


def _count(nframes: int) -> str:
    return f"{nframes} frame{'s' * (nframes != 1)}"
