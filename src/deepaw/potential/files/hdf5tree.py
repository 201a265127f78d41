"""`.dp` files: HDF5 with the tree as JSON in the root attribute `json`, and a dataset for every array."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from deepaw.errors import InputError
from deepaw.potential.files.variables import map_variables

ATTRIBUTE = "json"


def read_hdf5(path: Path) -> Any:
    """Read the tree of a `.dp` file; raises InputError for a file that is not HDF5, truncated, or of another layout."""
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise InputError(f"{path} may not be read: permission denied.") from None
    except OSError as error:
        if "truncated" in str(error):
            raise InputError(f"{path} is cut short; copy it again.") from None
        raise InputError(f"{path} is not an HDF5 file, which a .dp model is.") from None
    with file:
        if ATTRIBUTE not in file.attrs:
            raise InputError(f"{path} is an HDF5 file without the attribute {ATTRIBUTE!r}, which a .dp model has.")
        try:
            tree = json.loads(file.attrs[ATTRIBUTE])
        except (ValueError, TypeError, OSError, RecursionError):
            raise InputError(f"{path}: its attribute {ATTRIBUTE!r} is not the JSON of a model.") from None
        return map_variables(tree, lambda name: _read_array(path, file, name))


def _read_array(path: Path, file: Any, name: Any) -> np.ndarray:
    if not isinstance(name, str) or not isinstance(file.get(name), h5py.Dataset):
        raise InputError(f"{path} has no dataset {name!r}, which its description names.")
    try:
        values = np.asarray(file[name][()])
    except (OSError, ValueError, TypeError, MemoryError) as error:
        raise InputError(f"{path}: the dataset {name!r} cannot be read: {error}.") from None
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: the dataset {name!r} holds {values.dtype}, where numbers belong.")
    return values


def write_hdf5(path: Path, tree: Any) -> None:
    """Write a `.dp` file that DeePMD-kit reads."""
    numbers = count()
    with h5py.File(path, "w") as file:

        def store(values: Any) -> str:
            name = f"variable_{next(numbers):04d}"
            return str(file.create_dataset(name, data=values).name)

        tree_of_names = map_variables(tree, store)
        file.attrs[ATTRIBUTE] = json.dumps(tree_of_names, separators=(",", ":"))
