"""A potential beside labelled frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, get_args

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.system import Frame, System
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.evaluation.frames import without_labels
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.tensor import TensorModel

Quantity = Literal[
    "energy",
    "energy_per_atom",
    "force",
    "virial",
    "virial_per_atom",
    "dipole",
    "atomic_dipole",
    "polarizability",
    "atomic_polarizability",
]

ENERGIES: tuple[Quantity, ...] = ("energy", "energy_per_atom", "force", "virial", "virial_per_atom")
"""Of a model of energies."""

LABELS: dict[Quantity, str] = {"energy_per_atom": "energy", "virial_per_atom": "virial"}
"""What data call those quantities that have another name there."""


def predicted(model: AtomicModel) -> list[Quantity]:
    """The quantities that a model predicts."""
    if isinstance(model, TensorModel):
        label = model.fitting.config.label
        return [name for name in get_args(Quantity) if name.removeprefix("atomic_") == label]
    return list(ENERGIES)


def labelled(model: AtomicModel, systems: Sequence[System]) -> list[Quantity]:
    """Those of them that any of the systems has labels for. Raises InputError: none."""
    quantities = predicted(model)
    found = [
        name
        for name in quantities
        if any(
            (label := LABELS.get(name, name)) in system.labels and (label != "virial" or system.is_periodic)
            for system in systems
        )
    ]
    if not found:
        names = list(dict.fromkeys(f"{LABELS.get(name, name)}.npy" for name in quantities))
        some = f"{', '.join(names[:-1])} or {names[-1]}"
        raise InputError(f"{systems[0].name} has no {some} to compare with.")
    return found


@dataclass(frozen=True)
class FrameComparison:
    """One frame: for each quantity that it has a label for, (reference, predicted), of the same shape.

    energy and energy_per_atom (1, 1), force (natoms, 3), virial and virial_per_atom (1, 9); eV and A. dipole (1, 3),
    polarizability (1, 9), and those of atoms that have one, (n, 3) or (n, 9).
    """

    natoms: int
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]]


@dataclass
class Errors:
    """Errors of some frames: what adds up exactly to the errors of all of them.

    Of each quantity, of all its components: how many, the sum of their absolute errors and that of the squares. Of its
    references, by component: the sum and that of the squares.
    """

    frames: int = 0
    count: dict[Quantity, int] = field(default_factory=dict)
    absolute: dict[Quantity, float] = field(default_factory=dict)
    square: dict[Quantity, float] = field(default_factory=dict)
    references: dict[Quantity, np.ndarray] = field(default_factory=dict)

    def add(self, comparison: FrameComparison) -> None:
        """Those of one more frame."""
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
        """Of both together; each component counts once, as in DeePMD-kit's weighted average."""
        total = Errors(self.frames + other.frames)
        for each in (self, other):
            for name, count in each.count.items():
                total._add(name, count, each.absolute[name], each.square[name], each.references[name])
        return total

    def mae(self, name: Quantity) -> float | None:
        """Mean of the absolute errors; None where there were no labels."""
        return self.absolute[name] / self.count[name] if name in self.count else None

    def rmse(self, name: Quantity) -> float | None:
        """Root of the mean square error; None where there were no labels."""
        return float(np.sqrt(self.square[name] / self.count[name])) if name in self.count else None

    def spread(self, name: Quantity) -> float | None:
        """Root of the mean square deviation of references from the mean of their component; None without labels."""
        if name not in self.count:
            return None
        sums, squares = self.references[name]
        rows = self.count[name] / len(sums)
        return float(np.sqrt(max(np.mean(squares / rows - np.square(sums / rows)), 0.0)))


def compare(
    engine: PotentialEngine | TensorEngine,
    systems: Sequence[System],
    most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, FrameComparison]]:
    """Frame after frame, with the number of its system.

    systems: with the model's type map. most: frames of each system, the first ones; None for all. progress: called with
    the atoms that are done and all there are.

    Raises InputError, naming system and frame: everything that the engine raises.
    """
    counts = [system.nframes if most is None else min(most, system.nframes) for system in systems]
    total = sum(count * system.natoms for count, system in zip(counts, systems, strict=True))
    done = 0
    for number, (system, count) in enumerate(zip(systems, counts, strict=True)):
        for index, frame in enumerate(islice(system.frames(), count)):
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
    """One frame; a frame without a cell has no virial. Raises InputError: everything that the engine raises."""
    labels, natoms = frame.labels, len(frame.types)
    found = engine.evaluate(without_labels(engine.model, frame))
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]] = {}
    if "energy" in labels:
        energies = labels["energy"].reshape(1, 1), found.energy.numpy().reshape(1, 1)
        pairs["energy"] = energies
        pairs["energy_per_atom"] = energies[0] / natoms, energies[1] / natoms
    if "force" in labels:
        pairs["force"] = labels["force"], found.force.numpy()
    if "virial" in labels and frame.cell is not None:
        virials = labels["virial"].reshape(1, 9), found.virial.numpy().reshape(1, 9)
        pairs["virial"] = virials
        pairs["virial_per_atom"] = virials[0] / natoms, virials[1] / natoms
    return FrameComparison(natoms, pairs)


def compare_tensors(engine: TensorEngine, frame: Frame) -> FrameComparison:
    """One frame, beside tensors; of atoms only those that have one. Raises InputError: all that the engine raises."""
    labels = frame.labels
    found = engine.evaluate(without_labels(engine.model, frame))
    size = int(np.prod(engine.model.shape))
    atoms = np.isin(frame.types, engine.model.selected)
    predictions = found.atom_tensor.numpy().reshape(-1, size)
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]] = {}
    for name in predicted(engine.model):
        if name in labels:
            rows = labels[name].reshape(-1, size)
            of_atoms = name.startswith("atomic_")
            pairs[name] = (
                (rows[atoms], predictions[atoms]) if of_atoms else (rows, predictions.sum(axis=0, keepdims=True))
            )
    return FrameComparison(len(frame.types), pairs)
