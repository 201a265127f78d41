"""Preparation of a training from its input: data, model, kernels, statistics."""

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
from deepaw.potential.data.types import count_types
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.files.formats import read_tensor
from deepaw.potential.input import PotentialInput
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.labels import subtract_long_range
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.nativefile import make_model
from deepaw.potential.precision import dtype_of
from deepaw.potential.shortrange.table import read_table
from deepaw.potential.training.frames import TrainingFrames
from deepaw.potential.training.kernels import BASIS_SIZES, training_kernels
from deepaw.potential.training.processes import Processes
from deepaw.potential.training.requirements import check_labels, check_parameters, label_request, needed_labels
from deepaw.potential.training.sel import count_neighbours
from deepaw.potential.training.start import Start, check_architecture
from deepaw.potential.training.statistics import (
    sampled_frames,
    set_environment_statistics,
    set_output_statistics,
    set_parameter_statistics,
)
from deepaw.potential.typenames import placeholder_names


@dataclass(frozen=True)
class DataSplit:
    """Training or validation data: systems, source of labelled batches, sampler of frames."""

    systems: list[System]
    frames: TrainingFrames
    sampler: Sampler


@dataclass(frozen=True)
class Setup:
    """Everything a training needs.

    settings: the completed input, with a seed and numbers for `sel`. model: on its device, with statistics.
    """

    settings: PotentialInput
    steps: int
    model: AtomicModel
    kernels: list[TrainingKernel[Any]]
    training: DataSplit
    validation: DataSplit | None


def prepare_training(
    settings: PotentialInput,
    folder: Path,
    device: torch.device,
    processes: Processes,
    start: Start | None = None,
    progress: Progress | None = None,
) -> Setup:
    """Read the data, make the model with statistics or take that of `start`, and make kernels.

    folder: base of relative paths of the data. progress: called with the numbers of frames scanned and to scan.

    Raises InputError: an error in the input or the data, or a start that does not fit them.
    """
    settings = _with_types(_with_seed(settings, processes, device), folder, start)
    section, seed = settings.training, settings.training.seed
    assert seed is not None
    config = settings.model.config()
    _check_precision(config, settings)
    options = _short_range(config, folder, start)
    if start is not None:
        check_architecture(start, config)
        config = start.model.config
    elif config.modifier is not None:
        dipole = read_tensor(folder / config.modifier.model_name, "dipole")
        options["modifier"] = DipoleCharge(config.modifier, dipole, config.type_map)
    request = label_request(settings.loss, config.fitting_net)
    systems = section.training_data.read(folder, config.type_map, request)
    validation_systems = (
        [] if section.validation_data is None else section.validation_data.read(folder, config.type_map, request)
    )
    modifier = options.get("modifier") if start is None else getattr(start.model, "modifier", None)
    if modifier is not None:
        systems = subtract_long_range(modifier, systems)
        validation_systems = subtract_long_range(modifier, validation_systems)
    check_labels(settings.loss, config.fitting_net, systems)
    check_parameters(config.fitting_net, [*systems, *validation_systems])
    sampler = section.training_data.sampler(systems, seed)
    steps = section.numb_steps if section.numb_steps is not None else ceil((section.num_epoch or 0) * sampler.epoch())
    settings.learning_rate.warmup(steps)
    config, closest = _scan_data(config, systems, validation_systems, start, progress, processes)
    if start is None:
        model = make_model(config, generator=torch.Generator().manual_seed(seed), **options)
        _set_statistics(model, settings, systems, sampler)
    else:
        model = start.model
        _freeze_weights(model, settings.model.config())
    model.closest = closest if isfinite(closest) else None
    kernels = training_kernels(model, closest)
    # neighbour lists are made on the CPU
    cpu_model = model if device.type == "cpu" else copy.deepcopy(model)
    names = needed_labels(settings.loss, config.fitting_net)

    def split(split_systems: list[System], sampler: Sampler) -> DataSplit:
        return DataSplit(split_systems, TrainingFrames(cpu_model, kernels, split_systems, names, device), sampler)

    validation = None
    if section.validation_data is not None:
        validation = split(validation_systems, section.validation_data.sampler(validation_systems, seed))
    settings = settings.model_copy(update={"model": settings.model.model_copy(update=dict(config))})
    return Setup(settings, steps, model.to(device), kernels, split(systems, sampler), validation)


def _with_seed(settings: PotentialInput, processes: Processes, device: torch.device) -> PotentialInput:
    """Return the settings with a random seed, equal for all processes, if the input has none."""
    if settings.training.seed is not None:
        return settings
    seed = torch.tensor([secrets.randbelow(2**31) if processes.is_first else 0], device=device)
    processes.sum(seed)
    return settings.model_copy(update={"training": settings.training.model_copy(update={"seed": int(seed)})})


def _with_types(settings: PotentialInput, folder: Path, start: Start | None) -> PotentialInput:
    """Return the settings with a type map: by default that of the start, or placeholders for the types of the data."""
    if settings.model.type_map:
        return settings
    if start is not None:
        type_map = start.model.type_map
    else:
        sections = [settings.training.training_data, settings.training.validation_data]
        type_map = placeholder_names(
            count_types([place for section in sections if section is not None for place in section.find(folder)])
        )
    model = settings.model.model_copy(update={"type_map": type_map})
    try:
        model.check_types()
    except ValueError as error:
        raise InputError(f"model: {error}; there is no type_map, and the types are {' '.join(type_map)}.") from None
    return settings.model_copy(update={"model": model})


def _check_precision(config: ModelConfig, settings: PotentialInput) -> None:
    """Raise InputError if a precision of the model is not supported in training, or not with mixed_precision."""
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
        if dtype_of(precision) not in BASIS_SIZES:
            raise InputError(f'model.{place}.precision is "{precision}"; potentials are trained in float32 or float64.')


def _short_range(config: ModelConfig, folder: Path, start: Start | None) -> dict[str, Any]:
    """Return the table of pair energies of a new model, as keyword argument, if the input has one.

    The model of a start has a table already. If the file exists and the types are equal, the tables must agree.
    """
    if config.use_srtab is None:
        return {}
    path = folder / config.use_srtab
    start_table = None if start is None or not isinstance(start.model, PotentialModel) else start.model.interpolation
    if start is not None and (start_table is None or not path.exists() or start.model.type_map != config.type_map):
        return {}
    table = read_table(path, config.type_map).reaching(config.descriptor.rcut)
    if start is not None and start_table is not None:
        rows = start_table.table.numpy()
        if rows.shape != table.rows.shape or not np.allclose(rows, table.rows, rtol=1e-9, atol=1e-12):
            raise InputError(f"{path} is not the table that {start.path} has; a potential keeps its table.")
    return {"table": table}


def _scan_data(
    config: ModelConfig,
    systems: Sequence[System],
    validation_systems: Sequence[System],
    start: Start | None,
    progress: Progress | None,
    processes: Processes,
) -> tuple[ModelConfig, float]:
    """Return the configuration with numbers for `sel`, and the shortest distance, A, in the data.

    The shortest distance includes that of earlier trainings of the model.
    """
    counted = count_neighbours(
        config,
        systems,
        progress,
        validation=validation_systems,
        fixed_slots=start is not None and start.model.fixed_slots,
        keep=processes.is_first,
    )
    closest = counted.closest
    if start is not None and start.model.closest is not None:
        closest = min(closest, start.model.closest)
    return counted.config, closest


def _set_statistics(model: AtomicModel, settings: PotentialInput, systems: Sequence[System], sampler: Sampler) -> None:
    """Set the statistics of a new model from a sample of the training data."""
    indices = sampled_frames(systems, sampler.sizes, settings.model.data_stat_nbatch)

    def frames() -> Iterator[Frame]:
        return (systems[system].frame(index) for system, index in indices)

    set_environment_statistics(model, frames())
    set_parameter_statistics(model, frames(), settings.model.data_stat_protect)
    set_output_statistics(model, frames())


def _freeze_weights(model: AtomicModel, config: ModelConfig) -> None:
    """Freeze the networks that are not `trainable` in the input."""
    for part, section in zip(model.descriptor.parts, config.descriptor.sections, strict=True):
        part.requires_grad_(getattr(section, "trainable", True))
    model.fitting.nets.requires_grad_(config.fitting_net.trainable)
