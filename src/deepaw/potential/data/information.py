"""Description of a data set, broken frames included: ranges of its numbers, neighbours, and what looks wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepaw.potential.data.broken import BrokenFrame, energy_outliers, geometry_fault, label_faults, overlap_fault
from deepaw.potential.data.hdf5 import SystemPath
from deepaw.potential.data.neighbours import (
    NeighbourCounts,
    NeighbourStatistics,
    frame_neighbours,
    neighbour_statistics,
)
from deepaw.potential.data.system import Frame, System, open_system


@dataclass(frozen=True)
class Range:
    """Lowest and highest of the finite numbers."""

    low: float
    high: float


@dataclass(frozen=True)
class SystemInformation:
    """Description of one system. Ranges are None where there are no finite numbers.

    formulas: those of its frames, without repetition; energy, virial: per atom, eV, the virial over all nine
    components; force_rms: root mean square of components, eV/A; force_max: largest norm of a force, eV/A; lengths: of
    cell vectors, A; volumes: A^3.
    """

    name: str
    nframes: int
    natoms: Range
    formulas: tuple[str, ...]
    is_periodic: bool
    labels: tuple[str, ...]
    energy: Range | None
    force_rms: float | None
    force_max: float | None
    virial: Range | None
    lengths: Range | None
    volumes: Range | None


@dataclass(frozen=True)
class DataInformation:
    """Description of all systems, the neighbours in them, and the broken frames in order."""

    type_map: tuple[str, ...]
    systems: list[SystemInformation]
    neighbours: NeighbourStatistics
    broken: list[BrokenFrame]


def open_systems(paths: Sequence[SystemPath], type_map: Sequence[str] | None) -> list[System]:
    """Open systems with one type map: `type_map`, or else the types of all their maps in order of appearance.

    Raises InputError: as `open_system`.
    """
    if type_map is None:
        maps = [open_system(path).type_map for path in paths]
        type_map = tuple(dict.fromkeys(name for names in maps for name in names))
    return [open_system(path, type_map) for path in paths]


def describe(
    systems: Sequence[System], rcut: float, progress: Callable[[int, int], None] | None = None
) -> DataInformation:
    """Describe systems with one type map, by every frame.

    rcut: cutoff within which neighbours are counted, A; progress: called with the frames done and all frames.
    """
    type_map = systems[0].type_map
    neighbours = [(system.name, NeighbourCounts(len(type_map))) for system in systems]
    broken: list[BrokenFrame] = []
    energies: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    described = []
    done, total = 0, sum(system.nframes for system in systems)
    for number, system in enumerate(systems):
        summary = _Summary(system)
        for index, frame in enumerate(system.frames()):
            reasons = label_faults(frame)
            fault = geometry_fault(frame)
            if fault is None:
                within_rcut = frame_neighbours(frame, len(type_map), rcut)
                neighbours[number][1].add(within_rcut, index)
                fault = overlap_fault(within_rcut, type_map)
            reasons = [fault, *reasons] if fault else reasons
            broken += [BrokenFrame(system.name, index, reason) for reason in reasons]
            formula = summary.add(frame)
            if "energy" in frame.labels:
                energies[formula].append((number, index, float(frame.labels["energy"]) / len(frame.types)))
            done += 1
            if progress is not None:
                progress(done, total)
        described.append(summary.result())
    for rows in energies.values():
        for row, reason in energy_outliers(np.array([energy for _, _, energy in rows])).items():
            broken.append(BrokenFrame(systems[rows[row][0]].name, rows[row][1], reason))
    order = {system.name: number for number, system in enumerate(systems)}
    broken.sort(key=lambda entry: (order[entry.system], entry.frame))
    return DataInformation(type_map, described, neighbour_statistics(rcut, len(type_map), neighbours), broken)


class _Summary:
    """Ranges of one system, widened frame by frame."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._formulas: dict[str, None] = {}
        self._natoms: list[int] = []
        self._ranges: dict[str, Range] = {}
        self._force_squares = 0.0
        self._force_components = 0

    def add(self, frame: Frame) -> str:
        """Add a frame and return its formula."""
        counts = np.bincount(frame.types, minlength=len(self._system.type_map))
        formula = " ".join(
            f"{name}{count if count > 1 else ''}"
            for name, count in zip(self._system.type_map, counts.tolist(), strict=True)
            if count
        )
        self._formulas[formula] = None
        self._natoms.append(len(frame.types))
        for name in ("energy", "virial"):
            if name in frame.labels:
                self._widen(name, frame.labels[name] / len(frame.types))
        if "force" in frame.labels:
            force = frame.labels["force"]
            self._widen("force", np.linalg.norm(force, axis=1))
            self._force_squares += float((force[np.isfinite(force)] ** 2).sum())
            self._force_components += int(np.isfinite(force).sum())
        if frame.cell is not None:
            self._widen("lengths", np.linalg.norm(frame.cell, axis=1))
            self._widen("volumes", np.abs(np.linalg.det(frame.cell)))
        return formula

    def result(self) -> SystemInformation:
        """Describe the system by the frames added so far."""
        force = self._ranges.get("force")
        return SystemInformation(
            self._system.name,
            len(self._natoms),
            Range(min(self._natoms), max(self._natoms)),
            tuple(self._formulas),
            self._system.is_periodic,
            tuple(self._system.labels),
            self._ranges.get("energy"),
            float(np.sqrt(self._force_squares / self._force_components)) if self._force_components else None,
            None if force is None else force.high,
            self._ranges.get("virial"),
            self._ranges.get("lengths"),
            self._ranges.get("volumes"),
        )

    def _widen(self, name: str, values: np.ndarray) -> None:
        finite = np.asarray(values)[np.isfinite(values)]
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            before = self._ranges.get(name, Range(low, high))
            self._ranges[name] = Range(min(low, before.low), max(high, before.high))
