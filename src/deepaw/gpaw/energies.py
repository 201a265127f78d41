"""Harris energies of many structures, in a file that a later run goes on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from deepaw.errors import InputError
from deepaw.gpaw.converge import Run, run_at_fixed_density
from deepaw.gpaw.frametext import as_extxyz, read_frame_texts, write_frame_texts
from deepaw.gpaw.initial import start_dft
from deepaw.gpaw.parameters import default_parameters
from deepaw.gpaw.sources import PredictedDensity
from deepaw.gpaw.structures import NamedStructure
from deepaw.gpaw.tasks import Failure, TaskProgress, run_tasks

KEY = "deepaw_key"
"""Entry of a frame by which a later run knows what was calculated of it."""


@dataclass(frozen=True)
class HarrisTask:
    """Calculation of the Harris energy of a structure.

    model: a bundled model's name or a model file. parameters: keyword arguments of GPAW, or None for plane waves at the
    cutoff that the model was trained at.
    """

    model: str
    parameters: dict[str, Any] | None = None

    def __call__(self, structure: NamedStructure) -> Run:
        """Compute it."""
        source = _source(self.model)
        parameters = self.parameters
        if parameters is None:
            parameters = default_parameters(structure.atoms, **source.trained.settings())
        return run_at_fixed_density(start_dft(structure.atoms, source, parameters, name=structure.name), structure.name)

    def identity(self) -> str:
        """Return a digest of model and parameters."""
        from deepaw.density.model.model import find_density_model

        path = find_density_model(self.model)
        digest = hashlib.sha256(path.read_bytes() if path.is_file() else str(path).encode())
        digest.update(json.dumps(self.parameters, sort_keys=True).encode())
        return digest.hexdigest()


def write_energies(
    output: Path,
    structures: Sequence[NamedStructure],
    task: Callable[[NamedStructure], Run],
    identity: str,
    workers: int,
    *,
    ray: bool = False,
    progress: Callable[[TaskProgress], None] | None = None,
) -> dict[str, str]:
    """Write `output`, an extxyz file with energy, free_energy, fermi_level and gap (eV) of the structures.

    Structures that `output` already has, by a task of the same identity, are not calculated again. The file is written
    anew after each one, so a run that was killed goes on where it ended.

    Returns reasons by the names of structures that failed, which are not in the file. Raises InputError: `output` is
    there and is no such file.
    """
    keys = [_key(structure.atoms, identity) for structure in structures]
    frames = _earlier_frames(output)
    waiting = [index for index, key in enumerate(keys) if key not in frames]
    done = len(structures) - len(waiting)
    failures: dict[str, str] = {}
    for number, result in run_tasks(task, [structures[index] for index in waiting], workers, ray=ray):
        index = waiting[number]
        name = structures[index].name
        done += 1
        if isinstance(result, Failure):
            failures[name] = result.reason
        else:
            frames[keys[index]] = _frame_text(structures[index], keys[index], result)
            write_frame_texts(output, [frames[key] for key in dict.fromkeys([*keys, *frames]) if key in frames])
        if progress is not None:
            progress(TaskProgress(name, failures.get(name), done, len(structures)))
    return failures


@lru_cache(maxsize=1)
def _source(model: str) -> PredictedDensity:
    return PredictedDensity(model)


def _key(atoms: Atoms, identity: str) -> str:
    digest = hashlib.sha256(identity.encode())
    for array in (atoms.numbers, np.round(atoms.positions, 8), np.round(atoms.cell.array, 8), atoms.pbc):
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"k{digest.hexdigest()[:15]}"


def _frame_text(structure: NamedStructure, key: str, run: Run) -> str:
    original = structure.atoms
    atoms = Atoms(original.symbols, original.positions, cell=original.cell, pbc=original.pbc)
    atoms.info = {"name": structure.name, KEY: key, "fermi_level": run.fermi_level}
    if run.gap is not None:
        atoms.info["gap"] = run.gap
    atoms.calc = SinglePointCalculator(atoms, energy=run.energy, free_energy=run.free_energy)
    return as_extxyz(atoms)


def _earlier_frames(output: Path) -> dict[str, str]:
    if not output.exists():
        return {}
    try:
        return {str(frame.info[KEY]): text for text, frame in read_frame_texts(output)}
    except Exception:  # of all kinds, for files that are something else
        raise InputError(
            f"{output} is there and is not a file of energies that deepaw energy wrote; give the name of a new file."
        ) from None
