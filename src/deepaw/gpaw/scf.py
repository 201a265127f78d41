"""A self-consistent run from a predicted density, and the same run from GPAW's own start."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ase import Atoms

from deepaw.gpaw.converge import Run, run_to_selfconsistency
from deepaw.gpaw.initial import default_dft, start_dft
from deepaw.gpaw.sources import StartDensity


@dataclass(frozen=True)
class TimedRun:
    """A run with the time of all of it: setting up, prediction and iterations, in seconds."""

    run: Run
    seconds: float


def run_from_start(atoms: Atoms, source: StartDensity, parameters: Mapping[str, Any], name: str) -> TimedRun:
    """Converge GPAW from the density of `source`."""
    begin = time.perf_counter()
    run = run_to_selfconsistency(start_dft(atoms, source, parameters, name=name), name)
    return TimedRun(run, time.perf_counter() - begin)


def run_from_atoms(atoms: Atoms, parameters: Mapping[str, Any], name: str) -> TimedRun:
    """Converge GPAW from its superposition of atoms."""
    begin = time.perf_counter()
    run = run_to_selfconsistency(default_dft(atoms, parameters, name=name), name)
    return TimedRun(run, time.perf_counter() - begin)
