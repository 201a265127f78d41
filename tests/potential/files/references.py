"""Results of DeePMD-kit for structures, beside the models that they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read_structures(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays `structure/name` of a file, by structure and by name."""
    with np.load(path, allow_pickle=False) as file:
        values = dict(file)
    result: dict[str, dict[str, np.ndarray]] = {}
    for key, value in values.items():
        place, name = key.split("/")
        result.setdefault(place, {})[name] = value
    return result
