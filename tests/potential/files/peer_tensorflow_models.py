"""Reference models in `peer_tensorflow/` with results of DeePMD-kit (see `peer_tensorflow/make_references.py`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from potential.files.references import read_structures

FOLDER = Path(__file__).parent / "peer_tensorflow"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/model.dp"))
FRAMES = [name for name in CASES if name.startswith("frame")]
MASKS = [name for name in CASES if name.startswith("mask")]


def path_of(case: str) -> Path:
    return FOLDER / case / "model.dp"


@cache
def structures(case: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the structures of a case with reference results; `training` has the frames of its statistics."""
    return read_structures(FOLDER / case / "ref.npz")
