"""A model's densities beside calculated ones, on the whole of each structure's grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepaw.density.data.example import Example
from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.density.engine.multipoles import MultipoleEvaluator

PARITY_POINTS = 200_000
"""Points of all structures together that a parity picture shows."""


@dataclass(frozen=True)
class Comparison:
    """One structure's figures; NMAEs are fractions, integral of |error| over integral of |density|.

    nmae: of the density as predicted. nmae_scaled: of the density scaled to the exact electron count, None where the
    model does not know the count. nmae_fitted: of the model's fitted atoms alone, None where it has none.
    electrons: the calculation's; electron_error: predicted minus calculated, before scaling. seconds: in the engine.
    reference, predicted: (n,) e/A^3 at some of the points, the same in both.
    """

    name: str
    kind: str
    natoms: int
    points: int
    electrons: float
    electron_error: float
    nmae: float
    nmae_scaled: float | None
    nmae_fitted: float | None
    seconds: float
    reference: NDArray[np.float32] = field(repr=False)
    predicted: NDArray[np.float32] = field(repr=False)


def normalised_error(predicted: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """NMAE: integral of |predicted - reference| over integral of |reference|, both on the same grid."""
    error = np.abs(predicted - reference).sum(dtype=np.float64)
    return float(error / np.abs(reference).sum(dtype=np.float64))


def compare(
    engine: InferenceEngine, examples: Sequence[Example], progress: Callable[[int, int], None] | None = None
) -> list[Comparison]:
    """Predict every example on its own grid and compare.

    progress: called with (structures done, structures to do).

    Raises InputError, before anything is predicted: an element that the model has never seen.
    """
    for example in examples:
        engine.model.check_elements([int(number) for number in example.atoms.numbers])
    fitted = None
    if engine.model.fitted is not None:
        fitted = MultipoleEvaluator(
            None, engine.model.fitted, engine.precision, engine.device, compensation=engine.model.compensation
        )
    sample = max(1, PARITY_POINTS // max(1, len(examples)))
    random = np.random.default_rng(0)
    comparisons = []
    for done, example in enumerate(examples, start=1):
        comparisons.append(_compare(engine, fitted, example, sample, random))
        if progress is not None:
            progress(done, len(examples))
    return comparisons


def _compare(
    engine: InferenceEngine,
    fitted: MultipoleEvaluator | None,
    example: Example,
    sample: int,
    random: np.random.Generator,
) -> Comparison:
    reference = example.density()
    nx, ny, nz = reference.shape
    prediction = engine.predict(atoms=example.atoms, grid_shape=(nx, ny, nz), raw=True)
    predicted, exact = prediction.density_3d, prediction.electrons_exact
    scaled = None
    if exact is not None and prediction.electrons_predicted > 0:
        scale = np.float32(exact / prediction.electrons_predicted)
        scaled = normalised_error(scale * predicted, reference)
    alone = None
    if fitted is not None:
        values = PreparedStructure(example.atoms, [fitted]).grid((nx, ny, nz))
        alone = normalised_error(values, reference)
    electrons = example.electron_count()
    shown = random.choice(reference.size, min(sample, reference.size), replace=False)
    return Comparison(
        name=example.name,
        kind=example.kind,
        natoms=len(example.atoms),
        points=reference.size,
        electrons=electrons,
        electron_error=prediction.electrons_predicted - electrons,
        nmae=normalised_error(predicted, reference),
        nmae_scaled=scaled,
        nmae_fitted=alone,
        seconds=prediction.elapsed,
        reference=reference.reshape(-1)[shown],
        predicted=predicted.reshape(-1)[shown],
    )
