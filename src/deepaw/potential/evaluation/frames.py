"""Validation of frames given as arrays in the shapes of DeePMD-kit's interfaces."""

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
"""Type of virtual atoms, which fill up frames of mixed types."""


@dataclass(frozen=True)
class Frames:
    """Frames with equal numbers of atoms; float64 and int64.

    coord: (nframes, natoms, 3), A.
    cell: (nframes, 3, 3), A, or None without periodicity.
    types: (nframes, natoms), `VIRTUAL` for virtual atoms.
    fparam: (nframes, numb_fparam) or None.
    aparam: (nframes, natoms, numb_aparam) or None.
    """

    coord: np.ndarray
    cell: np.ndarray | None
    types: np.ndarray
    fparam: np.ndarray | None
    aparam: np.ndarray | None

    def __len__(self) -> int:
        return len(self.coord)

    def frame(self, index: int, periodic: Sequence[bool] = (True, True, True)) -> Frame:
        """Return the real atoms of one frame; periodic: along each cell vector."""
        real = self.types[index] != VIRTUAL
        return Frame(
            self.coord[index, real],
            None if self.cell is None else self.cell[index],
            self.types[index, real],
            periodic,
            None if self.fparam is None else self.fparam[index],
            None if self.aparam is None else self.aparam[index, real],
        )


def engine_frame(model: AtomicModel, frame: LabelledFrame) -> Frame:
    """Return a frame of data as input for the engine of a model, with the parameters that the model takes."""
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
    """Validate arrays in any of DeePMD-kit's shapes, and return them in their full shapes.

    coord: nframes * natoms * 3 numbers in any shape, A.
    cell: nframes * 9 numbers in any shape, A, or None without periodicity.
    atype: (natoms,) for all frames, or (nframes, natoms); with `mixed_type`, -1 is the type of virtual atoms.
    fparam: nframes * numb_fparam numbers, or numb_fparam for all frames.
    aparam: nframes * natoms * numb_aparam numbers, natoms * numb_aparam for all frames, or numb_aparam for all atoms.

    Raises InputError: no atoms; a type that is not in the type map; arrays of the wrong size; numbers that are not
    finite; a cell or coordinates without a valid neighbour list; missing parameters.
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
        raise InputError(f"{_frame_name(empty[0], nframes)} has no atoms; at least one is needed.")
    x = np.where((types == VIRTUAL)[:, :, None], 0.0, x)
    _raise_first(coord_faults(x), nframes)
    box = None
    if cell is not None:
        box = _numbers("cell", cell)
        if box.size != 9 * nframes:
            count = f"{nframes} frame{'s' * (nframes != 1)}"
            raise InputError(f"cell has the shape {box.shape}; for {count} it should be ({nframes}, 9).")
        box = box.reshape(nframes, 3, 3)
        _raise_first(cell_faults(box), nframes)
    config = model.config.fitting_net
    return Frames(
        x,
        box,
        types,
        _parameters("fparam", fparam, (nframes, config.numb_fparam), config.default_fparam is not None),
        _parameters("aparam", aparam, (nframes, natoms, config.numb_aparam)),
    )


def _types(atype: ArrayLike, type_map: Sequence[str], mixed_type: bool) -> np.ndarray:
    """Validate types; returns int64, (natoms,) or (nframes, natoms)."""
    types = _numbers("atype", atype)
    if types.ndim not in (1, 2):
        raise InputError(f"atype has the shape {types.shape}; it should be (natoms,), or (nframes, natoms).")
    if types.size == 0:
        raise InputError("There are no atoms in atype; at least one is needed.")
    lowest = VIRTUAL if mixed_type else 0
    invalid = np.argwhere(~((types >= lowest) & (types < len(type_map)) & (types == np.floor(types))))
    if len(invalid):
        names = ", ".join(f"{number} ({name})" for number, name in enumerate(type_map))
        index = tuple(invalid[0])
        raise InputError(f"atom {index[-1] + 1} has the type {types[index]:g}; the model knows {names}.")
    return types.astype(np.int64)


def _parameters(
    name: str, array: ArrayLike | None, shape: tuple[int, ...], has_default: bool = False
) -> np.ndarray | None:
    """Validate parameters, and broadcast them to the full shape (nframes, ..., numbers) from all or its last axes."""
    owner = {"fparam": "frame", "aparam": "atom"}[name]
    if array is None:
        if shape[-1] and not has_default:
            raise InputError(f"{name} is missing; the model needs {shape[-1]} for each {owner}.")
        return None
    if shape[-1] == 0:
        raise InputError(f"{name} is given, but the model takes none; leave it out.")
    values = _numbers(name, array)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds a number that is not finite (NaN or infinite).")
    for start in range(len(shape)):
        if values.size == int(np.prod(shape[start:])):
            return np.broadcast_to(values.reshape(shape[start:]), shape)
    raise InputError(f"{name} has the shape {values.shape}; it should be {shape}, {shape[-1]} for each {owner}.")


def _numbers(name: str, array: ArrayLike) -> np.ndarray:
    """Convert an array of real numbers to float64."""
    try:
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "fiu" and numbers.size:
            raise ValueError
        return numbers.astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(f"{name} should be an array of real numbers, with rows of one length.") from None


def _raise_first(faults: dict[int, str], nframes: int) -> None:
    """Raise InputError for the first frame with a fault; faults: by index of the frame."""
    if faults:
        first = min(faults)
        raise InputError(f"{_frame_name(first, nframes)} has {faults[first]}.")


def _frame_name(frame: int, nframes: int) -> str:
    return "The structure" if nframes == 1 else f"Frame {frame + 1} of {nframes}"
