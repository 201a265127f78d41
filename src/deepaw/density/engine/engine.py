"""The engine people use: a model, a device and an error budget; structures in, densities out."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.multipolepairs import CompilationError
from deepaw.density.engine.multipoles import MultipoleEvaluator
from deepaw.density.engine.occupancies import OccupancyEvaluator
from deepaw.density.engine.precision import find_precision
from deepaw.density.engine.prediction import Prediction, PredictionSummary
from deepaw.density.engine.prepared import Evaluator, PreparedStructure, Progress
from deepaw.density.grid import given_grid, grid_of_row
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.model import DensityModel, density_model_files, load_density_model
from deepaw.errors import InputError
from deepaw.modelsource import ModelSource, copied, open_model, source_of
from deepaw.structure.checks import check_atoms, check_box
from deepaw.structure.read import read_database_row

FINE = 0.15
"""A; on grids with wider spacings the sum over the points is off by more than the model's electrons."""


class InferenceEngine:
    """Predicts densities with one model on one device.

    Args:
        model: a bundled model's name, a model file, a directory in the published layout, or a model.
        device: 'cpu', 'cuda' or 'cuda:N'.
        precision: the error budget, 'tight', 'default' or 'fast'; `deepaw info` states what each deviates by.
        compiled: multipoles of atoms by torch.compile, which takes a minute when it is done first.

    Copies share the model. A pickle holds the path and SHA-256 of the model's file, which is opened again.

    Raises:
        InputError: no such model, device or precision.
        CompilationError: of `deepaw.density.engine.multipolepairs`; there is nothing to compile, or no compiler.
    """

    def __init__(
        self,
        model: str | Path | DensityModel = "fast",
        device: str = "cpu",
        precision: str = "default",
        compiled: bool = False,
    ) -> None:
        self._source: ModelSource[DensityModel] | None = None
        if isinstance(model, DensityModel):
            self.model = model
        else:
            self.model, self._source = open_model(model, load_density_model, density_model_files)
        self._compiled = compiled
        self.device = find_device(device)
        self.precision = find_precision(precision)
        network, fitted = self.model.network, self.model.fitted
        self._evaluators: list[Evaluator] = []
        self._occupancies: OccupancyEvaluator | None = None
        if isinstance(network, ExpansionNetwork):
            self._evaluators.append(
                MultipoleEvaluator(
                    network, fitted, self.precision, self.device, compiled, compensation=self.model.compensation
                )
            )
            if self.model.occupancies is not None:
                self._occupancies = OccupancyEvaluator(network, self.model.occupancies, self.device)
        else:
            if compiled and fitted is None:
                raise CompilationError("the model has no multipoles of atoms")
            self._evaluators.append(GatedEvaluator(copy.deepcopy(network).to(self.device), self.precision))
            if fitted is not None:
                self._evaluators.append(MultipoleEvaluator(None, fitted, self.precision, self.device, compiled))

    def __reduce__(self) -> tuple[Any, ...]:
        settings = (str(self.device), self.precision.name, self._compiled)
        return _opened, (type(self), source_of(self, self._source), *settings)

    def __copy__(self) -> Self:
        return copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    @property
    def cutoff(self) -> float:
        """A, beyond which points do not see atoms."""
        return max(evaluator.cutoff for evaluator in self._evaluators)

    @property
    def outputs(self) -> int:
        """Values at a point: 2 with spin."""
        return max(evaluator.outputs for evaluator in self._evaluators)

    def prepare(self, atoms: Atoms) -> PreparedStructure:
        """Do the atoms' part of a structure; raises InputError where the structure is not sound or not known."""
        self._check(atoms)
        return PreparedStructure(atoms, self._evaluators, self)

    def predict_at(self, atoms: Atoms, points: ArrayLike) -> np.ndarray:
        """The density, not scaled, at points (n, 3) in A anywhere in space: (n,) float32, e/A^3; (n, 2) with spin."""
        places = np.asarray(points, dtype=np.float64)
        if places.ndim != 2 or places.shape[1] != 3 or not np.isfinite(places).all():
            raise InputError(f"points must be finite and of shape (n, 3), not {places.shape}.")
        return self.prepare(atoms).at(places)

    def occupancies(self, atoms: Atoms) -> list[NDArray[np.float64] | None]:
        """PAW occupancies: the density matrix D (ni, ni) of every atom, float64, summed over spins.

        None of atoms whose element the model has none for. `model.occupancies.setups` says what rows and columns are.
        Raises InputError as `prepare`.
        """
        self._check(atoms)
        return [None] * len(atoms) if self._occupancies is None else self._occupancies.matrices(atoms)

    def predict(
        self,
        atoms: Atoms | None = None,
        grid_shape: Sequence[int] | None = None,
        *,
        db_path: str | Path | None = None,
        db_id: int | None = None,
        raw: bool = False,
        symmetry: bool = True,
        progress: Progress | None = None,
    ) -> Prediction:
        """The density on a grid.

        Args:
            atoms, grid_shape: a structure and (nx, ny, nz); or
            db_path, db_id: a row of an ASE database, with its own grid unless `grid_shape` is given.
            raw: keep the number of electrons as predicted.
            symmetry: evaluate one point of each orbit of the space group.
            progress: called with (points done, points to do).

        Raises:
            InputError: anything wrong with what was given.
        """
        if (atoms is None) == (db_path is None):
            raise InputError("Give either atoms or db_path with db_id.")
        shape = given_grid(grid_shape).shape if grid_shape is not None else None
        if db_path is not None:
            if db_id is None:
                raise InputError(f"Which row of {db_path} is meant must be said with db_id.")
            row = read_database_row(Path(db_path), db_id)
            atoms = row.atoms
            shape = shape or grid_of_row(row.grid_shape, Path(db_path), db_id).shape
        if atoms is None or shape is None:
            raise InputError("A grid is needed: give grid_shape=(nx, ny, nz).")
        check_box(atoms, "The structure")
        start = time.perf_counter()
        values, evaluated = self.prepare(atoms).evaluate_grid(shape, progress, symmetry)
        density = np.ascontiguousarray(values[..., 0])
        electrons = float(density.sum(dtype=np.float64)) * atoms.cell.volume / density.size
        exact, scale = self.scale(atoms, electrons, raw)
        density *= np.float32(scale)
        return Prediction(
            atoms=atoms,
            grid_shape=shape,
            elapsed=time.perf_counter() - start,
            electrons_predicted=electrons,
            electrons_exact=exact,
            scale=scale,
            points_evaluated=evaluated,
            lowest=float(density.min()),
            highest=float(density.max()),
            outside_training=self.outside_training(atoms, electrons, shape),
            density_3d=density,
            magnetisation_3d=np.ascontiguousarray(values[..., 1]) if values.shape[3] == 2 else None,
        )

    def stream(
        self,
        atoms: Atoms,
        grid_shape: Sequence[int],
        take: Callable[[np.ndarray], None],
        *,
        raw: bool = False,
        progress: Progress | None = None,
    ) -> PredictionSummary:
        """The density on a grid that need not fit into memory.

        Args:
            atoms, grid_shape, raw, progress: as in `predict`.
            take: called with arrays (nx, ny, n, outputs) that follow one another along the third cell vector, not
                scaled: the factor is known at the end, as `scale` of what is returned.
        """
        check_box(atoms, "The structure")
        shape = given_grid(grid_shape).shape
        start = time.perf_counter()
        total, lowest, highest = 0.0, np.inf, -np.inf
        for block in self.prepare(atoms).blocks(shape, progress):
            density = block[..., 0]
            total += float(density.sum(dtype=np.float64))
            lowest, highest = min(lowest, float(density.min())), max(highest, float(density.max()))
            take(block)
        points = int(np.prod(shape))
        electrons = total * atoms.cell.volume / points
        exact, scale = self.scale(atoms, electrons, raw)
        return PredictionSummary(
            atoms=atoms,
            grid_shape=shape,
            elapsed=time.perf_counter() - start,
            electrons_predicted=electrons,
            electrons_exact=exact,
            scale=scale,
            points_evaluated=points,
            lowest=lowest * scale,
            highest=highest * scale,
            outside_training=self.outside_training(atoms, electrons, shape),
        )

    def scale(self, atoms: Atoms, electrons: float, raw: bool) -> tuple[float | None, float]:
        """The exact number of electrons, if the model knows it, and the factor that brings `electrons` to it."""
        exact = self.model.electrons([int(number) for number in atoms.numbers])
        return exact, exact / electrons if exact is not None and not raw and electrons > 0 else 1.0

    def outside_training(self, atoms: Atoms, electrons: float, grid_shape: tuple[int, int, int]) -> tuple[str, ...]:
        """What lies outside the training data: distances of atoms, or the electrons summed over a grid, unscaled."""
        if self.model.coverage is None:
            return ()
        exact = self.model.electrons([int(number) for number in atoms.numbers])
        fine = bool((atoms.cell.lengths() / np.array(grid_shape) <= FINE).all())
        return tuple(self.model.coverage.outside(atoms, electrons if fine else None, exact))

    def _check(self, atoms: Atoms) -> None:
        check_atoms(atoms, "The structure")
        self.model.check_elements([int(number) for number in atoms.numbers])


def _opened(kind: type[InferenceEngine], source: ModelSource[DensityModel], *settings: Any) -> InferenceEngine:
    """Make a pickled engine again."""
    source.check()
    return kind(source.path, *settings)


def find_device(name: str) -> torch.device:
    """The device of that name; raises InputError where there is none."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device is {name!r}; it must be cpu, cuda or cuda:N.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device is {name!r} and no CUDA device is available here; use --device cpu.")
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device is {name!r}; it must be cpu, cuda or cuda:N.")
    return device
