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

Quantity = Literal["energy", "energy_per_atom", "force", "virial", "virial_per_atom"]

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)


@dataclass(frozen=True)
class FrameComparison:
    """One frame: for each quantity that it has a label for, (reference, predicted), of the same shape.

    energy and energy_per_atom (1, 1), force (natoms, 3), virial and virial_per_atom (1, 9); eV and A.
    """

    natoms: int
    pairs: dict[Quantity, tuple[np.ndarray, np.ndarray]]


@dataclass
class Errors:
    """Errors of some frames: what adds up exactly to the errors of all of them.

    Of each quantity, of all its components: how many, the sum of their absolute errors and that of the squares.
    """

    frames: int = 0
    count: dict[Quantity, int] = field(default_factory=dict)
    absolute: dict[Quantity, float] = field(default_factory=dict)
    square: dict[Quantity, float] = field(default_factory=dict)

    def add(self, comparison: FrameComparison) -> None:
        """Those of one more frame."""
        self.frames += 1
        for name, (reference, predicted) in comparison.pairs.items():
            error = predicted - reference
            self._add(name, error.size, float(np.abs(error).sum()), float(np.square(error).sum()))

    def _add(self, name: Quantity, count: int, absolute: float, square: float) -> None:
        self.count[name] = self.count.get(name, 0) + count
        self.absolute[name] = self.absolute.get(name, 0.0) + absolute
        self.square[name] = self.square.get(name, 0.0) + square

    def __add__(self, other: Errors) -> Errors:
        """Of both together; each component counts once, as in DeePMD-kit's weighted average."""
        total = Errors(self.frames + other.frames, dict(self.count), dict(self.absolute), dict(self.square))
        for name, count in other.count.items():
            total._add(name, count, other.absolute[name], other.square[name])
        return total

    def mae(self, name: Quantity) -> float | None:
        """Mean of the absolute errors; None where there were no labels."""
        return self.absolute[name] / self.count[name] if name in self.count else None

    def rmse(self, name: Quantity) -> float | None:
        """Root of the mean square error; None where there were no labels."""
        return float(np.sqrt(self.square[name] / self.count[name])) if name in self.count else None


def compare(
    engine: PotentialEngine,
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
    config = engine.model.config.fitting_net
    found = engine.evaluate(
        frame.coord,
        frame.cell,
        frame.types,
        fparam=labels.get("fparam") if config.numb_fparam else None,
        aparam=labels.get("aparam") if config.numb_aparam else None,
    )
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
