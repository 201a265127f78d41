"""What a prediction on a grid comes back as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.occupancies.predicted import PredictedOccupancies


@dataclass(frozen=True, kw_only=True)
class PredictionSummary:
    """A prediction without its numbers.

    elapsed: seconds in the engine, loading and file reading not counted.
    electrons_predicted: integral before scaling; electrons_exact: what the elements' valence adds up to, or None.
    scale: what the prediction was multiplied by to hold the exact number of electrons (1 where it was not).
    points_evaluated: points the network was asked for; the rest of points_total follow by symmetry.
    lowest, highest: of the density, e/A^3.
    outside_training: what of the structure or its electrons lies outside the model's training data, a phrase each.
    occupancies: those written beside the density, where they were asked for and the model knows any.
    """

    atoms: Atoms
    grid_shape: tuple[int, int, int]
    elapsed: float
    electrons_predicted: float
    electrons_exact: float | None
    scale: float
    points_evaluated: int
    lowest: float
    highest: float
    outside_training: tuple[str, ...] = ()
    occupancies: PredictedOccupancies | None = None

    @property
    def points_total(self) -> int:
        """Points of the grid."""
        return int(np.prod(self.grid_shape))


@dataclass(frozen=True, kw_only=True)
class Prediction(PredictionSummary):
    """The density of a structure on a grid.

    density_3d: (nx, ny, nz) float32, e/A^3; point (i, j, k) lies at fractional (i / nx, j / ny, k / nz).
    magnetisation_3d: the same for the spin density of a model with spin, else None.
    """

    density_3d: NDArray[np.float32]
    magnetisation_3d: NDArray[np.float32] | None = None

    @property
    def density_flat(self) -> NDArray[np.float32]:
        """(nx ny nz,), the last index fastest."""
        return self.density_3d.reshape(-1)
