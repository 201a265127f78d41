"""Systems of folders as groups of HDF5 files, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def pack(folder: Path, file: Path, group: str = "/", **storage: Any) -> str:
    """Copy the system in `folder` to a group of an HDF5 file; storage: as for `create_dataset`, for its arrays."""
    with h5py.File(file, "a") as content:
        target = content.require_group(group)
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.suffix == ".npy":
                target.create_dataset(name, data=np.load(path), **storage)
            elif path.name == "type.raw":
                target[name] = np.loadtxt(path, dtype=int, ndmin=1)
            elif path.name == "type_map.raw":
                target[name] = path.read_text().split()
            elif path.name == "nopbc":
                target[name] = True
    return f"{file}#{group}"
