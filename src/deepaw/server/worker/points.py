"""Densities at points, for several requests at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.errors import InputError
from deepaw.server.scheduler.interface import OutOfMemoryError, Structure
from deepaw.server.worker.memory import Halving
from deepaw.server.worker.prepared import PreparedStructures
from deepaw.server.worker.threads import SMALL_POINTS, one_thread

PIECE = 4096
"""Points that are worked on together, even where there is not enough memory for more."""


@dataclass(frozen=True)
class PointSet:
    """Points (n, 3), A, around a structure."""

    structure: Structure
    points: NDArray[np.float64]


def evaluate_points(
    model: str, engine: InferenceEngine, sets: Sequence[PointSet], kept: PreparedStructures, halving: Halving
) -> list[dict[str, Any] | Exception]:
    """For each set its `values` and the seconds `elapsed`, or what is wrong with it.

    Points around one structure are worked on together: where they are dense, more of them share the atoms in reach.
    """
    groups: dict[str, list[int]] = {}
    for index, each in enumerate(sets):
        groups.setdefault(each.structure.key, []).append(index)
    answers: list[dict[str, Any] | Exception] = [{}] * len(sets)
    for members in groups.values():
        start = time.perf_counter()
        points = np.concatenate([sets[index].points for index in members])
        ends = np.cumsum([len(sets[index].points) for index in members])
        found: list[np.ndarray] | Exception
        try:
            prepared = kept.get(model, engine, sets[members[0]].structure)
            pieces = np.array_split(points, max(1, -(-len(points) // PIECE)))
            with one_thread(len(points) < SMALL_POINTS):
                values = halving.map(partial(_at, prepared), pieces)
            found = np.split(np.concatenate(values), ends)
        except (InputError, OutOfMemoryError) as error:
            found = error
        share = (time.perf_counter() - start) / len(points) if len(points) else 0.0
        for place, index in enumerate(members):
            answers[index] = (
                found
                if isinstance(found, Exception)
                else {"values": found[place], "elapsed": share * len(sets[index].points)}
            )
    return answers


def _at(prepared: PreparedStructure, pieces: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float32]]:
    """Of all pieces in one go."""
    ends = np.cumsum([len(piece) for piece in pieces])[:-1]
    return list(np.split(prepared.at(np.concatenate(pieces)), ends))
