"""`.yaml` files: the tree as YAML, with each array as an object of its dtype and its values as nested lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepaw.errors import InputError
from deepaw.potential.files.variables import map_variables
from deepaw.textfile import read_text

ARRAY = "np.ndarray"
DTYPES = ("float64", "float32", "float16", "int64", "int32")

# the C parsers, which PyYAML has if it was built with libyaml, are ten times faster
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read_yaml(path: Path) -> Any:
    """Read the tree of a `.yaml` file; raises InputError: not UTF-8, not YAML, or an invalid array."""
    try:
        tree = yaml.load(read_text(path), _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML, or is cut short: {reason}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    return map_variables(tree, lambda leaf: _read_array(path, leaf))


def _read_array(path: Path, leaf: Any) -> np.ndarray:
    if not isinstance(leaf, dict):
        leaf = {"value": leaf, "dtype": "float64"}
    dtype, value = leaf.get("dtype"), leaf.get("value")
    if dtype not in DTYPES:
        raise InputError(f"{path} has an array of dtype {dtype!r}; it should be one of {', '.join(DTYPES)}.")
    try:
        return np.asarray(value, dtype=dtype)
    except (ValueError, TypeError):
        raise InputError(f"{path} has an array that is not a nested list of numbers with rows of one length.") from None


def write_yaml(path: Path, tree: Any) -> None:
    """Write a `.yaml` file that DeePMD-kit reads."""
    tree_of_objects = map_variables(tree, _array_object)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(tree_of_objects, file, Dumper=_Dumper)


def _array_object(values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {
        "@class": ARRAY,
        "@is_variable": True,
        "@version": 1,
        "dtype": array.dtype.name,
        "value": array.tolist(),
    }
