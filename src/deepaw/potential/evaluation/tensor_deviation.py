"""Measurement of the accuracy and the speed of `TensorEngine` in each precision."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from deepaw.potential.engine.kernel import FoldSize
from deepaw.potential.engine.precision import BUDGETS, EXACT
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.deviation import MIN_SECONDS, sample_frame
from deepaw.potential.model.tensor import TensorModel


@dataclass(frozen=True)
class TensorDeviation:
    """Deviation of one precision from the exact evaluation, and its speed.

    sizes: as `TensorEngine.sizes`.
    tensor: largest deviation of any component of the atomic tensors, relative to the largest component.
    force: largest deviation of the derivatives of the first component of their sum, relative to the largest derivative.
    atoms_per_second: for tensors without derivatives, with the neighbour list.
    """

    precision: str
    sizes: list[list[FoldSize]]
    tensor: float
    force: float
    atoms_per_second: float


def measure_tensor_deviations(model: TensorModel) -> Iterator[TensorDeviation]:
    """Measure every precision in turn, the exact evaluation last."""
    frame = sample_frame(model)
    weights = np.zeros((1, len(frame.types), *model.shape))
    weights.reshape(len(frame.types), -1)[:, 0] = 1
    exact = TensorEngine(model, EXACT).evaluate(frame, weights=weights)
    for precision in (*BUDGETS, EXACT):
        engine = TensorEngine(model, precision)
        evaluation = engine.evaluate(frame, weights=weights)
        rounds, start = 0, time.perf_counter()
        while rounds == 0 or time.perf_counter() - start < MIN_SECONDS:
            engine.evaluate(frame)
            rounds += 1
        speed = rounds * len(frame.types) / (time.perf_counter() - start)
        yield TensorDeviation(
            precision,
            engine.sizes(),
            _relative_deviation(evaluation.atom_tensor, exact.atom_tensor),
            _relative_deviation(evaluation.force, exact.force),
            speed,
        )


def _relative_deviation(values: Tensor, exact: Tensor) -> float:
    return float((values - exact).abs().max()) / (float(exact.abs().max()) or 1.0)
