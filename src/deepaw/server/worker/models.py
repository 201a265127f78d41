"""Models by the hash of their files, loaded and tried."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from deepaw.density.engine import InferenceEngine
from deepaw.density.engine.multipolepairs import CompilationError
from deepaw.density.model.model import KIND as DENSITY
from deepaw.density.model.model import find_density_model, load_density_model
from deepaw.errors import InputError
from deepaw.modelfile import read_metadata
from deepaw.modelsource import file_hash
from deepaw.server.scheduler.interface import ModelInfo, ModelKind
from deepaw.server.worker.interface import WorkerConfig

if TYPE_CHECKING:
    from deepaw.potential.engine.engine import PotentialEngine
    from deepaw.potential.engine.tensors import TensorEngine


@dataclass(frozen=True)
class LoadedModel:
    """A model and what evaluates it."""

    info: ModelInfo
    engine: InferenceEngine | PotentialEngine | TensorEngine


def load_model(name: str, source: str, config: WorkerConfig) -> LoadedModel:
    """Read a file, or a bundled model, make its engine, and evaluate something small with it.

    Raises InputError: what reading raises; a directory; a file that changes meanwhile; numbers that are not finite.
    """
    start = time.perf_counter()
    path = _find(source)
    before = file_hash(path)
    is_density = path.suffix == ".safetensors" and read_metadata(path)["kind"] == DENSITY
    loaded = (_load_density if is_density else _load_of_atoms)(name, path, before, config)
    if file_hash(path) != before:
        raise InputError(f"{path} changed while it was read; wait until it is written, and load it again.")
    return replace(loaded, info=replace(loaded.info, loaded_in=time.perf_counter() - start))


def _load_density(name: str, path: Path, hash: str, config: WorkerConfig) -> LoadedModel:
    model, not_compiled = load_density_model(path), ""
    try:
        engine = InferenceEngine(model, config.device, config.density_precision, config.compile)
    except CompilationError as error:
        engine, not_compiled = InferenceEngine(model, config.device, config.density_precision), str(error)
    known = engine.model.elements
    atoms = Atoms([(known or (1,))[0]], cell=[4.0, 4.0, 4.0], pbc=True)
    _check_finite(engine.predict_at(atoms, np.linspace(0.3, 3.7, 96).reshape(32, 3)), path)
    info = ModelInfo(
        name=name,
        path=str(path),
        hash=hash,
        kind="density",
        elements=tuple(chemical_symbols[number] for number in known),
        cutoff=engine.cutoff,
        spin=engine.outputs == 2,
        compiled=config.compile and not not_compiled,
        not_compiled=not_compiled,
    )
    return LoadedModel(info, engine)


def _load_of_atoms(name: str, path: Path, hash: str, config: WorkerConfig) -> LoadedModel:
    # not at the top: a server of densities does without, and is ready the sooner
    from deepaw.potential.engine.engine import PotentialEngine
    from deepaw.potential.engine.frames import Frame
    from deepaw.potential.engine.tensors import TensorEngine
    from deepaw.potential.exact_tensors import TensorEvaluation
    from deepaw.potential.files.formats import read_model
    from deepaw.potential.model.energy import PotentialModel
    from deepaw.potential.model.tensor import TensorModel

    model = read_model(path)
    engine: PotentialEngine | TensorEngine
    if isinstance(model, PotentialModel):
        kind: ModelKind = "potential"
        engine = PotentialEngine(model, config.potential_precision)
    elif isinstance(model, TensorModel):
        kind = "dipole" if model.shape == (3,) else "polar"
        engine = TensorEngine(model, config.potential_precision)
    else:
        raise InputError(f"{path} is a model of {model.config.fitting_net.type}, which is not served.")
    fparams, aparams = model.config.fitting_net.numb_fparam, model.config.fitting_net.numb_aparam
    frame = Frame(
        np.array([[0.0, 0, 0], [0, 0, 1.5]]),
        None,
        np.array([0, len(model.type_map) - 1]),
        fparam=np.zeros(fparams) if fparams else None,
        aparam=np.ones((2, aparams)) if aparams else None,
    )
    found = engine.evaluate(frame)
    _check_finite((found.atom_tensor if isinstance(found, TensorEvaluation) else found.force).numpy(), path)
    info = ModelInfo(
        name=name,
        path=str(path),
        hash=hash,
        kind=kind,
        elements=tuple(model.type_map),
        cutoff=model.rcut,
        numb_fparam=fparams,
        numb_aparam=aparams,
    )
    return LoadedModel(info, engine)


def _find(source: str) -> Path:
    path = Path(source)
    if not path.exists():
        path = find_density_model(source)
    if not path.is_file():
        raise InputError(f"{path} is a directory; convert it with 'deepaw convert' first.")
    return path


def _check_finite(values: np.ndarray, path: Path) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{path} gives numbers that are not finite (NaN or infinite) for a simple structure.")
