"""Construction of models from their configuration, and reading of native `.safetensors` files."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from deepaw.errors import InputError
from deepaw.modelfile import PREPARED, ModelFile, read_model
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.model.atomic import KIND, AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.shortrange.table import PairTable, ntypes_from_columns
from deepaw.potential.typenames import has_names

DIPOLE_PREFIX = "modifier.dipole."
"""Prefix of the tensor names of the dipole model of `modifier`."""


def make_model(config: ModelConfig, **options: Any) -> AtomicModel:
    """Return a `TensorModel` or a `PotentialModel`, according to the fitting net of the configuration.

    options: keyword arguments of the model's constructor.
    """
    model_class = TensorModel if isinstance(config.fitting_net, TensorConfig) else PotentialModel
    return model_class(config, **options)


def build_model(description: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str) -> AtomicModel:
    """Return the model with the given `AtomicModel.description`; of the tensors only its table of pair energies is set.

    The caller loads the other tensors.

    name: name of the file in error messages.

    Raises InputError: a description that is not that of a potential, a table of pair energies that is missing, or a
    dipole model that does not fit.
    """
    try:
        config = ModelConfig.model_validate(description["model"])
        options: dict[str, Any] = {"fixed_slots": bool(description["fixed_slots"]), "closest": description["closest"]}
        dipole_description = {} if config.modifier is None else description["modifier"]
    except (KeyError, ValidationError):
        raise InputError(f"{name} has a description that is not that of a potential this deepaw knows.") from None
    options["provenance"] = description.get("provenance")
    if config.use_srtab is not None:
        rows = tensors.get("interpolation.table")
        ntypes = len(config.type_map)
        if rows is None or rows.ndim != 2 or len(rows) < 2 or ntypes_from_columns(rows.shape[1]) != ntypes:
            raise InputError(f"{name} has no table of pair energies for its types; it was written damaged.")
        options["table"] = PairTable(rows.cpu().numpy())
    if config.modifier is not None:
        dipole_tensors = {
            key.removeprefix(DIPOLE_PREFIX): value for key, value in tensors.items() if key.startswith(DIPOLE_PREFIX)
        }
        dipole = build_model(dipole_description, dipole_tensors, name)
        if not isinstance(dipole, TensorModel):
            raise InputError(f"{name} has no model of dipoles, which its modifier needs; it was written damaged.")
        options["modifier"] = DipoleCharge(config.modifier, dipole, config.type_map)
    return make_model(config, **options)


def with_type_names(model: AtomicModel, type_map: Sequence[str]) -> AtomicModel:
    """Return a copy of a model whose types are numbers, with names for them.

    Raises InputError: a model that has names, or another number of names than types.
    """
    if has_names(model.type_map):
        raise InputError(
            f"The types of the model have the names {' '.join(model.type_map)} already; --type-map is for models whose "
            "types are numbers."
        )
    if len(type_map) != len(model.type_map):
        raise InputError(
            f"--type-map has the names {' '.join(type_map)}, and the model has {len(model.type_map)} types; give one "
            "name for each."
        )
    description = copy.deepcopy(model.description())
    for part in (description, description.get("modifier") or {}):
        if part:
            part["model"]["type_map"] = list(type_map)
    named = build_model(description, model.state_dict(), "the model")
    named.load_state_dict(model.state_dict())
    return named


def load_model(path: str | Path) -> AtomicModel:
    """Read a model from a native file.

    Raises InputError: everything `read_model` raises, a description that is not that of a potential, or tensors that
    do not fit it.
    """
    return model_from_file(read_model(path, KIND), str(path))


def model_from_file(file: ModelFile, name: str) -> AtomicModel:
    """Return the model in the result of `read_model`; `name` is the name of the file in error messages."""
    model = build_model(file.metadata, file.tensors, name)
    expected = model.state_dict()
    tensors = {key: value for key, value in file.tensors.items() if not key.startswith(PREPARED)}
    mismatched = [
        key
        for key in sorted(expected.keys() | tensors.keys())
        if key not in expected or key not in tensors or expected[key].shape != tensors[key].shape
    ]
    if mismatched:
        raise InputError(
            f"{name} has a tensor {mismatched[0]} that does not fit its description; it was written damaged."
        )
    model.load_state_dict(tensors)
    return model
