"""Water-like systems with dipoles and polarizabilities in closed form, for tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from potential.systems import ELEMENTS, Frames, water, write_system
from potential.trainings import DESCRIPTOR, TRAINING

ALONE = 1.4
"""Isotropic part of a molecule's polarizability."""

NEAR = {**DESCRIPTOR, "rcut": 2.2, "rcut_smth": 1.2, "sel": [1, 3]}
"""Descriptor with a cutoff that includes little more than the molecule."""


def arms(frames: Frames) -> np.ndarray:
    """Return vectors (nframes, molecules, 2, 3), A, from the O of each molecule to its two H.

    Frames have the O of all molecules first, then the H of each molecule.
    """
    molecules = int((frames.types == 0).sum())
    oxygen, hydrogen = frames.coord[:, :molecules], frames.coord[:, molecules:]
    return hydrogen.reshape(len(hydrogen), molecules, 2, 3) - oxygen[:, :, None]


def tensor_labels(frames: Frames) -> dict[str, np.ndarray]:
    """Return dipoles d, sums of the arms, and polarizabilities, ALONE + d d^T / 2, at the O of each molecule."""
    away = arms(frames)
    nframes, molecules = away.shape[:2]
    dipole, polarizability = (np.zeros((nframes, len(frames.types), *shape)) for shape in ((3,), (3, 3)))
    dipole[:, :molecules] = d = away.sum(axis=2)
    polarizability[:, :molecules] = ALONE * np.eye(3) + 0.5 * np.einsum("fma,fmb->fmab", d, d)
    return {
        "atomic_dipole": dipole,
        "dipole": dipole.sum(axis=1),
        "atomic_polarizability": polarizability,
        "polarizability": polarizability.sum(axis=1),
    }


def write_tensors(path: Path, frames: Frames, *names: str) -> Path:
    """Write a system with only these labels."""
    write_system(path, frames, labels=())
    labels = tensor_labels(frames)
    for name in names:
        np.save(path / "set.000" / f"{name}.npy", labels[name].reshape(len(frames.coord), -1))
    return path


def write_tensor_data(folder: Path, label: str) -> None:
    """Write `folder/train`, with a system of atomic tensors and one, of another size, of total tensors, and
    `folder/valid`."""
    write_tensors(folder / "train" / "atoms", water(8, molecules=3, seed=1), f"atomic_{label}")
    write_tensors(folder / "train" / "frames", water(4, molecules=2, seed=2, periodic=False), label)
    write_tensors(folder / "valid", water(3, molecules=3, seed=3), label, f"atomic_{label}")


def tensor_input(fitting: dict[str, Any], **training: Any) -> dict[str, Any]:
    """Return an input for the data of `write_tensor_data`."""
    return {
        "model": {"type_map": list(ELEMENTS), "descriptor": NEAR, "fitting_net": {"neuron": [10, 10], **fitting}},
        "learning_rate": {"start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 5},
        "loss": {"type": "tensor", "pref": 0.5, "pref_atomic": 1.0},
        "training": {
            "training_data": {"systems": ["train"], "batch_size": 2},
            "validation_data": {"systems": ["valid"], "batch_size": 3},
            **TRAINING,
            **training,
        },
    }
