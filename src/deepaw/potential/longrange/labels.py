"""Subtraction of the electrostatic energy of a potential from the labels of its training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deepaw.errors import InputError
from deepaw.potential.data.system import Frame, System
from deepaw.potential.engine.frames import Frame as EngineFrame
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.evaluation import LongRange


def without_long_range(charges: DipoleCharge, systems: Sequence[System]) -> list[System]:
    """Return the systems with the energies, forces and virials of the charges subtracted from their labels.

    Raises InputError: a system without cells.
    """
    long_range = LongRange(charges)

    def correction(frame: Frame) -> Frame:
        evaluation = long_range.evaluate(EngineFrame(frame.coord, frame.cell, frame.types))
        parts = {name: getattr(evaluation, name).numpy() for name in ("energy", "force", "virial")}
        labels = {name: label - parts[name] if name in parts else label for name, label in frame.labels.items()}
        return replace(frame, labels=labels)

    for system in systems:
        if not system.is_periodic:
            raise InputError(f"{system.name} has no cells (nopbc), which the electrostatics of model.modifier need.")
    return [replace(system, correction=correction) for system in systems]
