"""What is taken from the data before the first step: the scale of environments and parameters, the energies of types.

The definitions are those of DeePMD-kit 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from deepaw.potential.data.system import Frame, System
from deepaw.potential.descriptor.statistics import spread
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel


def sampled_frames(systems: Sequence[System], sizes: Sequence[int], batches: int) -> list[tuple[int, int]]:
    """(system, frame) of `batches` batches of each system, evenly spread over its frames.

    sizes: frames of a batch of each system.
    """
    chosen = []
    for number, (system, size) in enumerate(zip(systems, sizes, strict=True)):
        count = min(batches * size, system.nframes)
        chosen += [(number, index * system.nframes // count) for index in range(count)]
    return chosen


def set_environment_statistics(model: AtomicModel, frames: Iterable[Frame]) -> None:
    """Set the scale of the rows of every part of the descriptor."""
    gathered = [part.statistics() for part in model.descriptor.parts]
    for frame in frames:
        env = model.environment(frame.coord, frame.cell, frame.types, frame.labels.get("aparam"))
        for part in gathered:
            part.add(env)
    for part in gathered:
        part.finish()


def set_parameter_statistics(model: AtomicModel, frames: Iterable[Frame], protect: float) -> None:
    """Set the mean and 1 / standard deviation of fparam and aparam; a standard deviation below `protect` counts as it.

    A frame without fparam counts with default_fparam.
    """
    fitting = model.fitting
    config = fitting.config
    if config.numb_fparam == config.numb_aparam_inputs == 0:
        return
    fparam, aparam = [], []
    for frame in frames:
        if config.numb_fparam:
            fparam.append(np.asarray(frame.labels.get("fparam", config.default_fparam), dtype=np.float64)[None])
        if config.numb_aparam_inputs:
            aparam.append(frame.labels["aparam"])
    for name, blocks in (("fparam", fparam), ("aparam", aparam)):
        if blocks:
            rows = np.concatenate(blocks)
            spreads = [spread(row.sum(), (row**2).sum(), len(row), protect) for row in rows.T]
            getattr(fitting, f"{name}_mean").copy_(torch.from_numpy(rows.mean(axis=0)))
            getattr(fitting, f"{name}_scale").copy_(1 / torch.tensor(spreads, dtype=torch.float64))


def fit_energies(counts: np.ndarray, energies: np.ndarray, fixed: Sequence[float | None] = ()) -> np.ndarray:
    """Energies of types (ntypes,), eV, whose sums are nearest to the energies of frames, in the least squares.

    Where compositions do not determine them, the solution of smallest norm. All float64.

    counts: (nframes, ntypes), atoms of each type. energies: (nframes,), eV. fixed: of each type its energy where that
    is given, None where not, or nothing at all.
    """
    ntypes = counts.shape[1]
    known = np.array([value is not None for value in fixed] or [False] * ntypes)
    result = np.array([0.0 if value is None else value for value in fixed] or [0.0] * ntypes)
    if len(energies) and not known.all():
        rest = energies - counts @ result
        result[~known] = np.linalg.lstsq(counts[:, ~known].astype(np.float64), rest, rcond=None)[0]
    return result


def set_output_statistics(model: AtomicModel, frames: Iterable[Frame]) -> None:
    """Set the energies of types, or the shifts of polarizabilities; dipoles have neither."""
    if isinstance(model, PotentialModel):
        set_energies(model, frames)
    elif isinstance(model.fitting, PolarFitting) and model.fitting.config.shift_diag:
        # the shift is scaled with all the rest, and is to be the mean in the data then
        shifts = torch.from_numpy(fit_shifts(model.type_mask.cpu().numpy(), frames)).to(model.fitting.shift)
        model.fitting.shift.copy_(torch.where(model.fitting.scale == 0, 0.0, shifts / model.fitting.scale))


def fit_shifts(type_mask: np.ndarray, frames: Iterable[Frame]) -> np.ndarray:
    """The mean of the diagonal of polarizabilities by type, (ntypes,), in the unit of the labels.

    Of the labels of atoms where a type has any; of other types what fits those of frames in the least squares.
    type_mask: (ntypes,), 1 for types whose atoms have a polarizability, 0 for others, whose shift is 0.
    """
    ntypes = len(type_mask)
    sums, counts, compositions, totals = np.zeros(ntypes), np.zeros(ntypes), [], []
    for frame in frames:
        if (of_atoms := frame.labels.get("atomic_polarizability")) is not None:
            np.add.at(sums, frame.types, of_atoms.trace(axis1=1, axis2=2) / 3)
            counts += np.bincount(frame.types, minlength=ntypes)
        if (of_frame := frame.labels.get("polarizability")) is not None:
            compositions.append(np.bincount(frame.types, minlength=ntypes) * type_mask)
            totals.append(float(of_frame.trace()) / 3)
    fitted = np.zeros(ntypes)
    if totals:
        fitted = np.linalg.lstsq(np.array(compositions), np.array(totals), rcond=None)[0]
    return np.where(counts > 0, sums / np.maximum(counts, 1), fitted) * type_mask


def set_energies(model: PotentialModel, frames: Iterable[Frame]) -> None:
    """Set the energies of types to what fits those of frames; `atom_ener` stays as it is given."""
    counts, energies = _compositions(model, frames)
    model.bias.copy_(torch.from_numpy(fit_energies(counts, energies, _fixed(model.fitting.config))))


def shift_energies(model: PotentialModel, frames: Sequence[Frame], predicted: np.ndarray) -> None:
    """Change the energies of types by what fits the difference of given to predicted energies.

    frames: with energies, all of them; predicted: (nframes,), eV, of these.
    """
    counts, energies = _compositions(model, frames)
    fixed = [None if value is None else 0.0 for value in _fixed(model.fitting.config)]
    model.bias += torch.from_numpy(fit_energies(counts, energies - predicted, fixed)).to(model.bias)


def _compositions(model: PotentialModel, frames: Iterable[Frame]) -> tuple[np.ndarray, np.ndarray]:
    ntypes, type_mask = len(model.type_map), model.type_mask.cpu().numpy()
    rows = [
        (np.bincount(frame.types, minlength=ntypes) * type_mask, float(frame.labels["energy"]))
        for frame in frames
        if "energy" in frame.labels
    ]
    return np.array([row for row, _ in rows]).reshape(-1, ntypes), np.array([energy for _, energy in rows])


def _fixed(config: EnergyFittingConfig) -> tuple[float | None, ...]:
    return config.atom_ener
