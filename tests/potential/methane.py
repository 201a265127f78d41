"""A methane molecule held by springs between all of its atoms, as deepmd/npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

BOND = 1.09
"""Length of the C-H bonds, A."""

STIFFNESS = 20.0
"""Force constant of every spring, eV/A^2."""

ENERGY = -40.0
"""Energy of the molecule at rest, eV."""

REST = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [0, 0, 0]]) * BOND / 3**0.5
"""Positions at rest of four H and one C, A."""


def labels(coord: np.ndarray) -> tuple[float, np.ndarray]:
    """Return energy (eV) and forces (5, 3), eV/A: E = ENERGY + sum over pairs of 1/2 STIFFNESS (r - r_rest)^2."""
    first, second = np.triu_indices(5, 1)
    vector = coord[second] - coord[first]
    distance = np.linalg.norm(vector, axis=1)
    elongation = distance - np.linalg.norm(REST[second] - REST[first], axis=1)
    pair_force = STIFFNESS * (elongation / distance)[:, None] * vector
    force = np.zeros_like(coord)
    np.add.at(force, first, pair_force)
    np.add.at(force, second, -pair_force)
    return ENERGY + float(0.5 * STIFFNESS * (elongation**2).sum()), force


def write_methane(folder: Path, nframes: int, seed: int) -> Path:
    """Write a system of randomly rotated and deformed molecules, in a cell of 12 A."""
    random = np.random.default_rng(seed)
    rotations = np.linalg.qr(random.normal(size=(nframes, 3, 3)))[0]
    coord = 6.0 + REST @ rotations + random.normal(0, 0.06, (nframes, 5, 3))
    rows = [labels(positions) for positions in coord]
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n0\n0\n0\n1\n")
    (folder / "type_map.raw").write_text("H\nC\n")
    arrays = {
        "coord": coord.reshape(nframes, 15),
        "box": np.tile(12.0 * np.eye(3).reshape(9), (nframes, 1)),
        "energy": np.array([energy for energy, _ in rows]),
        "force": np.array([force for _, force in rows]).reshape(nframes, 15),
    }
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    return folder
