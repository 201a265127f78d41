"""Models by the hash of their files, loaded and tried."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.model import find_density_model, load_density_model
from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.files.formats import holds_potential, read_potential
from deepaw.server.scheduler.interface import ModelInfo
from deepaw.server.worker.interface import WorkerConfig


@dataclass(frozen=True)
class LoadedModel:
    """A model and what evaluates it."""

    info: ModelInfo
    engine: InferenceEngine | PotentialEngine


def load_model(name: str, source: str, config: WorkerConfig) -> LoadedModel:
    """Read a file, or a bundled model, make its engine, and evaluate something small with it.

    Raises InputError: what reading raises; a directory; a file that changes meanwhile; numbers that are not finite.
    """
    start = time.perf_counter()
    path = _find(source)
    before = file_hash(path)
    engine: InferenceEngine | PotentialEngine
    if holds_potential(path):
        engine = PotentialEngine(read_potential(path), config.potential_precision)
        elements, cutoff, spin = tuple(engine.model.type_map), engine.model.rcut, False
        fitting = engine.model.config.fitting_net
        parameters = fitting.numb_fparam, fitting.numb_aparam
        _try_potential(engine, *parameters, path)
    else:
        engine = InferenceEngine(load_density_model(path), config.device, config.density_precision)
        elements = tuple(chemical_symbols[number] for number in engine.model.elements)
        cutoff, spin, parameters = engine.cutoff, engine.outputs == 2, (0, 0)
        _try_density(engine, path)
    if file_hash(path) != before:
        raise InputError(f"{path} changed while it was read; wait until it is written, and load it again.")
    info = ModelInfo(
        name=name,
        path=str(path),
        hash=before,
        kind="density" if isinstance(engine, InferenceEngine) else "potential",
        elements=elements,
        cutoff=cutoff,
        loaded_in=time.perf_counter() - start,
        spin=spin,
        numb_fparam=parameters[0],
        numb_aparam=parameters[1],
    )
    return LoadedModel(info, engine)


def file_hash(path: Path) -> str:
    """SHA-256 of the content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(source: str) -> Path:
    path = Path(source)
    if not path.exists():
        path = find_density_model(source)
    if not path.is_file():
        raise InputError(f"{path} is a directory; convert it with 'deepaw convert' first.")
    return path


def _try_density(engine: InferenceEngine, path: Path) -> None:
    number = (engine.model.elements or (1,))[0]
    atoms = Atoms([number], cell=[4.0, 4.0, 4.0], pbc=True)
    _check_finite(engine.predict_at(atoms, np.linspace(0.3, 3.7, 96).reshape(32, 3)), path)


@torch.no_grad()
def _try_potential(engine: PotentialEngine, numb_fparam: int, numb_aparam: int, path: Path) -> None:
    ntypes = len(engine.model.type_map)
    found = engine.evaluate(
        np.array([[0.0, 0, 0], [0, 0, 1.5]]),
        None,
        np.array([0, ntypes - 1]),
        fparam=np.zeros(numb_fparam) if numb_fparam else None,
        aparam=np.zeros((2, numb_aparam)) if numb_aparam else None,
    )
    _check_finite(found.force.numpy(), path)


def _check_finite(values: np.ndarray, path: Path) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{path} gives numbers that are not finite (NaN or infinite) for a simple structure.")
