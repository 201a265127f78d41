"""The water example: its input file, and frames of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TRAINED_ON = ("data_0", "data_1", "data_2")
FRAMES = 320
"""Frames of the training systems."""

MOVED = 0.01
"""A: how far atoms are moved at random before an evaluation, so that no neighbour list serves twice."""


def water_input(water: Path, precision: str, steps: int, shown: int) -> dict[str, Any]:
    """The water example with batches of one frame. shown: the peer averages over the steps after that many."""
    descriptor = {"type": "se_e2_a", "sel": [46, 92], "rcut_smth": 0.5, "rcut": 6.0, "neuron": [25, 50, 100]}
    descriptor |= {"resnet_dt": False, "axis_neuron": 16, "type_one_side": True, "precision": precision, "seed": 1}
    fitting = {"neuron": [240, 240, 240], "resnet_dt": True, "precision": precision, "seed": 1}
    rate = {"type": "exp", "decay_steps": max(1, steps // 20), "start_lr": 0.001, "stop_lr": 3.5e-8}
    loss = {"type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1}
    data = {"systems": [str(water / name) for name in TRAINED_ON], "batch_size": 1}
    return {
        "model": {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": fitting},
        "learning_rate": rate,
        "loss": loss | {"start_pref_v": 0, "limit_pref_v": 0},
        "training": {"training_data": data, "numb_steps": steps, "seed": 10, "disp_freq": shown, "save_freq": 10**6},
    }


def supercell(water: Path, copies: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (natoms, 3) and cell (3, 3), A, and types of frame 0 of data_3, repeated, with atoms moved."""
    system = water / "data_3"
    cell = np.load(system / "set.000" / "box.npy")[0].reshape(3, 3).astype(float)
    coord = np.load(system / "set.000" / "coord.npy")[0].reshape(-1, 3).astype(float)
    types = np.loadtxt(system / "type.raw", dtype=int)
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    everywhere = (shifts[:, None] + coord).reshape(-1, 3)
    everywhere += MOVED * np.random.default_rng(seed).uniform(-1, 1, everywhere.shape)
    return everywhere, copies * cell, np.tile(types, copies**3)
