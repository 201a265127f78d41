"""From an input file to everything a training of a potential works with."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepaw.errors import InputError
from deepaw.potential.data.sampler import Sampler
from deepaw.potential.data.scan import Progress
from deepaw.potential.data.system import Frame, System
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.files.formats import read_tensor
from deepaw.potential.input import PotentialInput
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.labels import without_long_range
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.nativefile import make_model
from deepaw.potential.precision import dtype_of
from deepaw.potential.shortrange.table import read_table
from deepaw.potential.training.frames import TrainingFrames
from deepaw.potential.training.kernels import SIZES, training_kernels
from deepaw.potential.training.processes import Processes
from deepaw.potential.training.requirements import check_labels, check_parameters, needed_labels
from deepaw.potential.training.sel import count_neighbours
from deepaw.potential.training.start import Start, check_architecture
from deepaw.potential.training.statistics import (
    sampled_frames,
    set_environment_statistics,
    set_output_statistics,
    set_parameter_statistics,
)


@dataclass(frozen=True)
class Part:
    """Training or validation data: systems, their frames ready for use, the order of batches."""

    systems: list[System]
    frames: TrainingFrames
    sampler: Sampler


@dataclass(frozen=True)
class Setup:
    """settings: the input as it is carried out, with a seed and numbers for `sel`. model: on its device, with
    statistics."""

    settings: PotentialInput
    steps: int
    model: AtomicModel
    kernels: list[TrainingKernel[Any]]
    training: Part
    validation: Part | None


def prepare_training(
    settings: PotentialInput,
    folder: Path,
    device: torch.device,
    processes: Processes,
    start: Start | None = None,
    progress: Progress | None = None,
) -> Setup:
    """Read the data, make the model or take that of `start`, take statistics where it has none.

    folder: what the data's paths are relative to. progress: called with the frames that are scanned, and all frames to
    scan. Raises InputError: anything wrong with the input, the data, or a start that does not fit them.
    """
    settings = _with_seed(settings, processes, device)
    section, seed = settings.training, settings.training.seed
    assert seed is not None
    config = settings.model.config()
    _check_precision(config, settings)
    given = _short_range(config, folder, start)
    if start is not None:
        check_architecture(start, config)
        config = start.model.config
    elif config.modifier is not None:
        dipole = read_tensor(folder / config.modifier.model_name, "dipole")
        given["modifier"] = DipoleCharge(config.modifier, dipole, config.type_map)
    systems = section.training_data.read(folder, config.type_map)
    held_back = [] if section.validation_data is None else section.validation_data.read(folder, config.type_map)
    modifier = given.get("modifier") if start is None else getattr(start.model, "modifier", None)
    if modifier is not None:
        systems, held_back = without_long_range(modifier, systems), without_long_range(modifier, held_back)
    check_labels(settings.loss, config.fitting_net, systems)
    check_parameters(config.fitting_net, [*systems, *held_back])
    sampler = section.training_data.sampler(systems, seed)
    steps = section.numb_steps if section.numb_steps is not None else ceil((section.num_epoch or 0) * sampler.epoch())
    settings.learning_rate.warmup(steps)
    config, closest = _look_at(config, systems, held_back, start, progress, processes)
    if start is None:
        model = make_model(config, generator=torch.Generator().manual_seed(seed), **given)
        _take_statistics(model, settings, systems, sampler)
    else:
        model = start.model
        _choose_weights(model, settings.model.config())
    model.closest = closest if isfinite(closest) else None
    kernels = training_kernels(model, closest)
    # neighbours are found on the CPU
    here = model if device.type == "cpu" else copy.deepcopy(model)
    names = needed_labels(settings.loss, config.fitting_net)

    def part(of: list[System], order: Sampler) -> Part:
        return Part(of, TrainingFrames(here, kernels, of, names, device), order)

    validation = None
    if section.validation_data is not None:
        validation = part(held_back, section.validation_data.sampler(held_back, seed))
    settings = settings.model_copy(update={"model": settings.model.model_copy(update=dict(config))})
    return Setup(settings, steps, model.to(device), kernels, part(systems, sampler), validation)


def _with_seed(settings: PotentialInput, processes: Processes, device: torch.device) -> PotentialInput:
    """A random seed where none is given, the same for all processes."""
    if settings.training.seed is not None:
        return settings
    seed = torch.tensor([secrets.randbelow(2**31) if processes.is_first else 0], device=device)
    processes.sum(seed)
    return settings.model_copy(update={"training": settings.training.model_copy(update={"seed": int(seed)})})


def _check_precision(config: ModelConfig, settings: PotentialInput) -> None:
    mixed = settings.training.mixed_precision is not None
    sections: list[tuple[str, Any]] = [
        *(("descriptor", part) for part in config.descriptor.sections),
        ("fitting_net", config.fitting_net),
    ]
    for place, section in sections:
        precision: Any = getattr(section, "precision", None)
        if precision is None:
            continue
        if mixed and dtype_of(precision) != torch.float32:
            raise InputError(
                f'model.{place}.precision is "{precision}"; it should be "float32" with training.mixed_precision.'
            )
        if dtype_of(precision) not in SIZES:
            raise InputError(f'model.{place}.precision is "{precision}"; potentials are trained in float32 or float64.')


def _short_range(config: ModelConfig, folder: Path, start: Start | None) -> dict[str, Any]:
    """The table of pair energies that a new model is made with, if it is to have one.

    A model to start from has its own; where the file is there, and for the same types, it should hold the same.
    """
    if config.use_srtab is None:
        return {}
    path = folder / config.use_srtab
    known = None if start is None or not isinstance(start.model, PotentialModel) else start.model.interpolation
    if start is not None and (known is None or not path.exists() or start.model.type_map != config.type_map):
        return {}
    table = read_table(path, config.type_map).reaching(config.descriptor.rcut)
    if start is not None and known is not None:
        rows = known.table.numpy()
        if rows.shape != table.rows.shape or not np.allclose(rows, table.rows, rtol=1e-9, atol=1e-12):
            raise InputError(f"{path} is not the table that {start.path} has; a potential keeps its table.")
    return {"table": table}


def _look_at(
    config: ModelConfig,
    systems: Sequence[System],
    held_back: Sequence[System],
    start: Start | None,
    progress: Progress | None,
    processes: Processes,
) -> tuple[ModelConfig, float]:
    """Return the model with numbers for `sel`, and the shortest distance, A, in the data of this training and of those
    before it."""
    counted = count_neighbours(
        config,
        systems,
        progress,
        held_back=held_back,
        fixed_slots=start is not None and start.model.fixed_slots,
        keep=processes.is_first,
    )
    closest = counted.closest
    if start is not None and start.model.closest is not None:
        closest = min(closest, start.model.closest)
    return counted.config, closest


def _take_statistics(model: AtomicModel, settings: PotentialInput, systems: Sequence[System], sampler: Sampler) -> None:
    chosen = sampled_frames(systems, sampler.sizes, settings.model.data_stat_nbatch)

    def frames() -> Iterator[Frame]:
        return (systems[system].frame(index) for system, index in chosen)

    set_environment_statistics(model, frames())
    set_parameter_statistics(model, frames(), settings.model.data_stat_protect)
    set_output_statistics(model, frames())


def _choose_weights(model: AtomicModel, given: ModelConfig) -> None:
    """Train those networks that the input says."""
    for part, section in zip(model.descriptor.parts, given.descriptor.sections, strict=True):
        part.requires_grad_(getattr(section, "trainable", True))
    model.fitting.nets.requires_grad_(given.fitting_net.trainable)
