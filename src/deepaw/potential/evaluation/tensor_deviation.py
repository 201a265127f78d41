"""How far each precision of the engine of tensors is from the equations, measured, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from deepaw.potential.engine.kernel import FoldSize
from deepaw.potential.engine.precision import BUDGETS, EXACT
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.deviation import SECONDS, sample_frame
from deepaw.potential.model.tensor import TensorModel


@dataclass(frozen=True)
class TensorDeviation:
    """One precision beside the equations.

    sizes: as `TensorEngine.sizes`. tensor: the largest deviation of any component of an atom's, force: of the
    derivatives of their sum's first component; relative to the largest component. atoms_per_second: tensors alone,
    neighbour list included.
    """

    precision: str
    sizes: list[list[FoldSize]]
    tensor: float
    force: float
    atoms_per_second: float


def measure_tensor_deviations(model: TensorModel) -> Iterator[TensorDeviation]:
    """Every precision in turn, the equations last."""
    frame = sample_frame(model)
    weights = np.zeros((1, len(frame.types), *model.shape))
    weights.reshape(len(frame.types), -1)[:, 0] = 1
    expected = TensorEngine(model, EXACT).evaluate(frame, weights=weights)
    for precision in (*BUDGETS, EXACT):
        engine = TensorEngine(model, precision)
        found = engine.evaluate(frame, weights=weights)
        rounds, start = 0, time.perf_counter()
        while rounds == 0 or time.perf_counter() - start < SECONDS:
            engine.evaluate(frame)
            rounds += 1
        speed = rounds * len(frame.types) / (time.perf_counter() - start)
        yield TensorDeviation(
            precision,
            engine.sizes(),
            _relative(found.atom_tensor, expected.atom_tensor),
            _relative(found.force, expected.force),
            speed,
        )


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max()) / (float(expected.abs().max()) or 1.0)
