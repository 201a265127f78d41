"""Densities as a server is asked for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms


def density_message(
    atoms: Atoms | None,
    handle: str | None = None,
    db_path: str | None = None,
    db_id: int | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """The message; what is None is left out. rest: grid_shape or points, model, raw, occupancies."""
    message: dict[str, Any] = {
        "kind": "density",
        **rest,
        "atoms": None if atoms is None else structure_arrays(atoms),
        "structure": handle,
        "db_path": db_path,
        "db_id": db_id,
    }
    message = {key: value for key, value in message.items() if value is not None}
    if "grid_shape" in message:
        message["grid_shape"] = [int(size) for size in message["grid_shape"]]
    return message


def structure_arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    """numbers, positions and cell in A, pbc."""
    return {
        "numbers": np.asarray(atoms.numbers, dtype=np.int64),
        "positions": np.asarray(atoms.positions, dtype=np.float64),
        "cell": np.asarray(atoms.cell.array, dtype=np.float64),
        "pbc": np.asarray(atoms.pbc, dtype=np.bool_),
    }


def atoms_of(arrays: dict[str, np.ndarray]) -> Atoms:
    """The structure that `structure_arrays` gave."""
    return Atoms(arrays["numbers"], arrays["positions"], cell=arrays["cell"], pbc=arrays["pbc"])
