"""Statistics of the data before the first step: scales of environments and parameters, energies of types.

The definitions are those of DeePMD-kit 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from deepaw.potential.data.system import Frame, System
from deepaw.potential.descriptor.statistics import spread
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel


def sampled_frames(systems: Sequence[System], sizes: Sequence[int], batches: int) -> list[tuple[int, int]]:
    """Return (system, frame) of the frames of `batches` batches of each system, evenly spread over its frames.

    sizes: number of frames of a batch of each system.
    """
    indices = []
    for number, (system, size) in enumerate(zip(systems, sizes, strict=True)):
        count = min(batches * size, system.nframes)
        indices += [(number, index * system.nframes // count) for index in range(count)]
    return indices


def set_environment_statistics(model: AtomicModel, frames: Iterable[Frame]) -> None:
    """Set the mean and standard deviation of the rows of every part of the descriptor."""
    statistics = [part.statistics() for part in model.descriptor.parts]
    for frame in frames:
        env = model.environment(frame.coord, frame.cell, frame.types, frame.labels.get("aparam"))
        for part_statistics in statistics:
            part_statistics.add(env)
    for part_statistics in statistics:
        part_statistics.finish()


def set_parameter_statistics(model: AtomicModel, frames: Iterable[Frame], protect: float) -> None:
    """Set the mean and 1 / standard deviation of fparam and aparam.

    A standard deviation below `protect` is replaced by it. A frame without fparam has default_fparam.
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
    """Fit energies of types (ntypes,), eV, to the energies of frames by least squares, in float64.

    If compositions do not determine them, the solution of smallest norm is returned.

    counts: (nframes, ntypes), atoms of each type. energies: (nframes,), eV. fixed: energy of each type, or None for
    types to fit; empty if all are fitted.
    """
    ntypes = counts.shape[1]
    is_fixed = np.array([value is not None for value in fixed] or [False] * ntypes)
    result = np.array([0.0 if value is None else value for value in fixed] or [0.0] * ntypes)
    if len(energies) and not is_fixed.all():
        residual = energies - counts @ result
        result[~is_fixed] = np.linalg.lstsq(counts[:, ~is_fixed].astype(np.float64), residual, rcond=None)[0]
    return result


def set_output_statistics(model: AtomicModel, frames: Iterable[Frame]) -> None:
    """Set the energies of types, or the shifts of polarizabilities; models of dipoles have neither."""
    if isinstance(model, PotentialModel):
        set_energies(model, frames)
    elif isinstance(model.fitting, PolarFitting) and model.fitting.config.shift_diag:
        # scale * shift is the mean of the data
        shifts = torch.from_numpy(fit_shifts(model.type_mask.cpu().numpy(), frames)).to(model.fitting.shift)
        model.fitting.shift.copy_(torch.where(model.fitting.scale == 0, 0.0, shifts / model.fitting.scale))


def fit_shifts(type_mask: np.ndarray, frames: Iterable[Frame]) -> np.ndarray:
    """Compute the mean diagonal of atomic polarizabilities by type, (ntypes,), in the unit of the labels.

    It is the mean of the atomic labels of a type if it has any, and a least-squares fit to labels of frames otherwise.
    type_mask: (ntypes,), 1 for types whose atoms have a polarizability, 0 for others, whose shift is 0.
    """
    ntypes = len(type_mask)
    sums, counts, compositions, totals = np.zeros(ntypes), np.zeros(ntypes), [], []
    for frame in frames:
        if (atomic := frame.labels.get("atomic_polarizability")) is not None:
            np.add.at(sums, frame.types, atomic.trace(axis1=1, axis2=2) / 3)
            counts += np.bincount(frame.types, minlength=ntypes)
        if (total := frame.labels.get("polarizability")) is not None:
            compositions.append(np.bincount(frame.types, minlength=ntypes) * type_mask)
            totals.append(float(total.trace()) / 3)
    fitted = np.zeros(ntypes)
    if totals:
        fitted = np.linalg.lstsq(np.array(compositions), np.array(totals), rcond=None)[0]
    return np.where(counts > 0, sums / np.maximum(counts, 1), fitted) * type_mask


def set_energies(model: PotentialModel, frames: Iterable[Frame]) -> None:
    """Fit the energies of types to those of frames; energies in `atom_ener` are fixed."""
    counts, energies = _compositions(model, frames)
    model.bias.copy_(torch.from_numpy(fit_energies(counts, energies, model.fitting.config.atom_ener)))


def shift_energies(model: PotentialModel, frames: Sequence[Frame], predicted: np.ndarray) -> None:
    """Shift the energies of types by a fit to labels minus predicted energies.

    frames: all with energies. predicted: (nframes,), eV.
    """
    counts, energies = _compositions(model, frames)
    fixed = [None if value is None else 0.0 for value in model.fitting.config.atom_ener]
    model.bias += torch.from_numpy(fit_energies(counts, energies - predicted, fixed)).to(model.bias)


def _compositions(model: PotentialModel, frames: Iterable[Frame]) -> tuple[np.ndarray, np.ndarray]:
    """Return atoms of each type (n, ntypes), 0 for masked types, and energies (n,), eV, of frames with energies."""
    ntypes, type_mask = len(model.type_map), model.type_mask.cpu().numpy()
    rows = [
        (np.bincount(frame.types, minlength=ntypes) * type_mask, float(frame.labels["energy"]))
        for frame in frames
        if "energy" in frame.labels
    ]
    return np.array([row for row, _ in rows]).reshape(-1, ntypes), np.array([energy for _, energy in rows])
