"""Comparison of the predictions of a model with labelled frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.system import Frame, System
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.frames import engine_frame
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.tensor import TensorModel

Quantity = Literal[
    "energy",
    "energy_per_atom",
    "force",
    "virial",
    "virial_per_atom",
    "atomic_energy",
    "dipole",
    "atomic_dipole",
    "polarizability",
    "atomic_polarizability",
]

ENERGY_QUANTITIES: tuple[Quantity, ...] = ("energy", "energy_per_atom", "force", "virial", "virial_per_atom")
"""Quantities predicted by a model of energies."""

ATOMIC_QUANTITIES: tuple[Quantity, ...] = ("atomic_energy",)
"""Quantities of atoms predicted by a model of energies."""

LABEL_NAMES: dict[Quantity, str] = {
    "energy_per_atom": "energy",
    "virial_per_atom": "virial",
    "atomic_energy": "atom_ener",
}
"""Names of labels in data, where they differ from the quantity."""


def predicted_quantities(model: AtomicModel, atomic: bool = False) -> list[Quantity]:
    """Return the quantities that a model predicts; atomic: among them the energies of atoms."""
    if isinstance(model, TensorModel):
        label = model.fitting.config.label
        return [name for name in get_args(Quantity) if name.removeprefix("atomic_") == label]
    return [*ENERGY_QUANTITIES, *ATOMIC_QUANTITIES] if atomic else list(ENERGY_QUANTITIES)


def label_request(model: AtomicModel, atomic: bool = False) -> LabelRequest:
    """Return the labels of the quantities that a model predicts, and the parameters that it takes.

    atomic: energies of atoms, too.
    """
    names = {LABEL_NAMES.get(name, name) for name in predicted_quantities(model, atomic)}
    types = model.fitting.config.sel_type if isinstance(model, TensorModel) else None
    return LabelRequest(frozenset(names | set(model.fitting.config.parameters)), types)


def labelled_quantities(model: AtomicModel, systems: Sequence[System], atomic: bool = False) -> list[Quantity]:
    """Return the predicted quantities for which any of the systems has labels. Raises InputError: there are none."""
    quantities = predicted_quantities(model, atomic)
    labelled = [
        name
        for name in quantities
        if any(
            (label := LABEL_NAMES.get(name, name)) in system.labels and (label != "virial" or system.is_periodic)
            for system in systems
        )
    ]
    if not labelled:
        files = list(dict.fromkeys(f"{LABEL_NAMES.get(name, name)}.npy" for name in quantities))
        raise InputError(f"{systems[0].name} has no {', '.join(files[:-1])} or {files[-1]} to compare with.")
    return labelled


@dataclass(frozen=True)
class FrameComparison:
    """References and predictions of one frame.

    pairs: (reference, predicted), of equal shape, for each quantity with a label: energy and energy_per_atom (1, 1),
    force (natoms, 3), virial and virial_per_atom (1, 9), atomic_energy (natoms, 1), in eV and A; dipole (1, 3),
    polarizability (1, 9); atomic_dipole (n, 3) and atomic_polarizability (n, 9) for the n atoms that have one.
    """

    natoms: int
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]]


@dataclass
class Errors:
    """Sums over frames from which mean errors follow; adding two of them gives the errors of all frames exactly.

    frames: number of frames.
    count, absolute, square: for each quantity, the number of all its components, the sum of their absolute errors, and
    the sum of their squared errors.
    references: for each quantity, the sums of references and of their squares by component, (2, components).
    """

    frames: int = 0
    count: dict[Quantity, int] = field(default_factory=dict)
    absolute: dict[Quantity, float] = field(default_factory=dict)
    square: dict[Quantity, float] = field(default_factory=dict)
    references: dict[Quantity, np.ndarray] = field(default_factory=dict)

    def add(self, comparison: FrameComparison) -> None:
        """Add the errors of a frame."""
        self.frames += 1
        for name, (reference, predicted) in comparison.pairs.items():
            error = predicted - reference
            sums = np.stack([reference.sum(axis=0), np.square(reference).sum(axis=0)])
            self._add(name, error.size, float(np.abs(error).sum()), float(np.square(error).sum()), sums)

    def _add(self, name: Quantity, count: int, absolute: float, square: float, references: np.ndarray) -> None:
        self.references[name] = self.references.get(name, 0.0) + references
        self.count[name] = self.count.get(name, 0) + count
        self.absolute[name] = self.absolute.get(name, 0.0) + absolute
        self.square[name] = self.square.get(name, 0.0) + square

    def __add__(self, other: Errors) -> Errors:
        """Return the errors of all frames; each component counts once, as in DeePMD-kit's weighted average."""
        total = Errors(self.frames + other.frames)
        for errors in (self, other):
            for name, count in errors.count.items():
                total._add(name, count, errors.absolute[name], errors.square[name], errors.references[name])
        return total

    def mae(self, name: Quantity) -> float | None:
        """Return the mean absolute error, or None without labels."""
        return self.absolute[name] / self.count[name] if name in self.count else None

    def rmse(self, name: Quantity) -> float | None:
        """Return the root mean square error, or None without labels."""
        return float(np.sqrt(self.square[name] / self.count[name])) if name in self.count else None

    def reference_deviation(self, name: Quantity) -> float | None:
        """Return the root mean square deviation of references from the mean of their component; None without labels."""
        if name not in self.count:
            return None
        sums, squares = self.references[name]
        rows = self.count[name] / len(sums)
        return float(np.sqrt(max(np.mean(squares / rows - np.square(sums / rows)), 0.0)))


def compare(
    engine: PotentialEngine | TensorEngine,
    systems: Sequence[System],
    max_frames: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    shuffling: np.random.Generator | None = None,
) -> Iterator[tuple[int, FrameComparison]]:
    """Compare frame by frame, and yield the number of the system with each comparison.

    systems: with the model's type map.
    max_frames: number of frames of each system, from its first; None for all.
    progress: called with the number of atoms done and the total number of atoms.
    shuffling: takes the frames of each system in random order.

    Raises InputError, naming system and frame: any error of the engine.
    """
    counts = [system.nframes if max_frames is None else min(max_frames, system.nframes) for system in systems]
    total = sum(count * system.natoms for count, system in zip(counts, systems, strict=True))
    done = 0
    for number, (system, count) in enumerate(zip(systems, counts, strict=True)):
        order = range(system.nframes) if shuffling is None else shuffling.permutation(system.nframes).tolist()
        for index in order[:count]:
            frame = system.frame(index)
            try:
                if isinstance(engine, TensorEngine):
                    comparison = compare_tensors(engine, frame)
                else:
                    comparison = compare_frame(engine, frame)
            except InputError as error:
                raise InputError(f"{system.name}, frame {index + 1}: {error}") from None
            done += system.natoms
            if progress is not None:
                progress(done, total)
            yield number, comparison


def compare_frame(engine: PotentialEngine, frame: Frame) -> FrameComparison:
    """Compare energy, forces, virial and energies of atoms of one frame; without a cell there is no virial.

    Raises InputError: any error of the engine.
    """
    labels, natoms = frame.labels, len(frame.types)
    prediction = engine.evaluate(engine_frame(engine.model, frame))
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]] = {}
    if "energy" in labels:
        energies = labels["energy"].reshape(1, 1), prediction.energy.numpy().reshape(1, 1)
        pairs["energy"] = energies
        pairs["energy_per_atom"] = energies[0] / natoms, energies[1] / natoms
    if "force" in labels:
        pairs["force"] = labels["force"], prediction.force.numpy()
    if "atom_ener" in labels:
        pairs["atomic_energy"] = labels["atom_ener"][:, None], prediction.atom_energy.numpy()[:, None]
    if "virial" in labels and frame.cell is not None:
        virials = labels["virial"].reshape(1, 9), prediction.virial.numpy().reshape(1, 9)
        pairs["virial"] = virials
        pairs["virial_per_atom"] = virials[0] / natoms, virials[1] / natoms
    return FrameComparison(natoms, pairs)


def compare_tensors(engine: TensorEngine, frame: Frame) -> FrameComparison:
    """Compare the tensor of one frame, and those of its selected atoms. Raises InputError: any error of the engine."""
    labels = frame.labels
    prediction = engine.evaluate(engine_frame(engine.model, frame))
    size = int(np.prod(engine.model.shape))
    selected = np.isin(frame.types, engine.model.selected_types)
    tensors = prediction.atom_tensor.numpy().reshape(-1, size)
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]] = {}
    for name in predicted_quantities(engine.model):
        if name in labels:
            rows = labels[name].reshape(-1, size)
            is_atomic = name.startswith("atomic_")
            pairs[name] = (
                (rows[selected], tensors[selected]) if is_atomic else (rows, tensors.sum(axis=0, keepdims=True))
            )
    return FrameComparison(len(frame.types), pairs)
