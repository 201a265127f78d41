"""Where a start density comes from: a model, or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.errors import InputError
from deepaw.gpaw.trained import TrainedSetups, trained_setups

if TYPE_CHECKING:
    from deepaw.density.engine import InferenceEngine

REFINEMENT = 2
"""Predicted densities are evaluated on a grid this much finer than GPAW's; compensation charges are narrow."""

Shape = tuple[int, int, int]


class StartDensity(Protocol):
    """Total density and PAW density matrices of a structure.

    trained: what is known of the data behind them.
    """

    @property
    def trained(self) -> TrainedSetups: ...

    def total(self, atoms: Atoms, shape: Shape) -> NDArray:
        """Return the total density, e/A^3, on `shape`, GPAW's grid, or on one of another size."""

    def occupancies(self, atoms: Atoms) -> Sequence[NDArray | None]:
        """Return D (ni, ni) of each atom, summed over spins; None where not known."""


class PredictedDensity:
    """Density and occupancies predicted by a model.

    model: a bundled model's name, a model file, or an engine.

    Raises InputError: no such model, or one without occupancies.
    """

    def __init__(self, model: str | Path | InferenceEngine = "fast", device: str = "cpu") -> None:
        from deepaw.density.engine import InferenceEngine

        engine = model if isinstance(model, InferenceEngine) else InferenceEngine(model, device)
        self.trained = trained_setups(engine.model)
        if not self.trained.elements:
            name = "The model" if isinstance(model, InferenceEngine) else f"The model {model}"
            raise InputError(
                f"{name} predicts no PAW occupancies, without which a start saves nothing; train one on data with "
                "occupancies, such as deepaw data gpaw writes."
            )
        self._engine: Any = engine

    def total(self, atoms: Atoms, shape: Shape) -> NDArray[np.float32]:
        """Predict the density on a grid of `shape`, refined; e/A^3."""
        nx, ny, nz = (REFINEMENT * size for size in shape)
        density: NDArray[np.float32] = self._engine.predict(atoms, (nx, ny, nz)).density_3d
        return density

    def occupancies(self, atoms: Atoms) -> Sequence[NDArray | None]:
        """Predict D of each atom."""
        matrices: Sequence[NDArray | None] = self._engine.occupancies(atoms)
        return matrices


class KnownDensity:
    """Density and occupancies of one structure, from an earlier calculation.

    density: e/A^3, with compensation charges, on a grid of any size.
    """

    def __init__(self, density: NDArray, occupancies: Sequence[NDArray | None], trained: TrainedSetups | None = None):
        self.trained = trained or TrainedSetups()
        self._density, self._occupancies = density, occupancies

    def total(self, atoms: Atoms, shape: Shape) -> NDArray:
        """Return the density as it is."""
        return self._density

    def occupancies(self, atoms: Atoms) -> Sequence[NDArray | None]:
        """Return the occupancies as they are."""
        return self._occupancies
