"""Models of every kind: made from their section, and read from native files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from deepaw.errors import InputError
from deepaw.modelfile import ModelFile, read_model
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.model.atomic import KIND, AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.shortrange.table import PairTable, types_of_columns

DIPOLE = "modifier.dipole."
"""What the names of tensors of a modifier's model of dipoles begin with."""


def make_model(config: ModelConfig, **given: Any) -> AtomicModel:
    """The model that a section asks for, by its fitting net; given: as of `AtomicModel` or, for energies, of
    `PotentialModel`."""
    kind = TensorModel if isinstance(config.fitting_net, TensorConfig) else PotentialModel
    return kind(config, **given)


def described(description: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str) -> AtomicModel:
    """The model of `AtomicModel.description` and its tensors, most of which still have to be loaded.

    name: what messages call the file. Raises InputError: a description that is not that of a potential, a table of pair
    energies that is missing, or a model of dipoles that does not fit.
    """
    try:
        config = ModelConfig.model_validate(description["model"])
        given: dict[str, Any] = {"fixed_slots": bool(description["fixed_slots"]), "closest": description["closest"]}
        of_dipoles = {} if config.modifier is None else description["modifier"]
    except (KeyError, ValidationError):
        raise InputError(f"{name} has a description that is not that of a potential this deepaw knows.") from None
    given["provenance"] = description.get("provenance")
    if config.use_srtab is not None:
        rows = tensors.get("interpolation.table")
        if rows is None or rows.ndim != 2 or len(rows) < 2 or types_of_columns(rows.shape[1]) != len(config.type_map):
            raise InputError(f"{name} has no table of pair energies for its types; it was written damaged.")
        given["table"] = PairTable(rows.cpu().numpy())
    if config.modifier is not None:
        inner = {key.removeprefix(DIPOLE): value for key, value in tensors.items() if key.startswith(DIPOLE)}
        dipole = described(of_dipoles, inner, name)
        if not isinstance(dipole, TensorModel):
            raise InputError(f"{name} has no model of dipoles, which its modifier needs; it was written damaged.")
        given["modifier"] = DipoleCharge(config.modifier, dipole, config.type_map)
    return make_model(config, **given)


def load_model(path: str | Path) -> AtomicModel:
    """Read a native file.

    Raises InputError: everything `read_model` raises, a description that is not that of a potential, or tensors that
    do not fit it.
    """
    return from_file(read_model(path, KIND), str(path))


def from_file(file: ModelFile, name: str) -> AtomicModel:
    """The model in what `read_model` returned; `name` is what messages call the file."""
    model = described(file.metadata, file.tensors, name)
    expected = model.state_dict()
    wrong = [
        key
        for key in sorted(expected.keys() | file.tensors.keys())
        if key not in expected or key not in file.tensors or expected[key].shape != file.tensors[key].shape
    ]
    if wrong:
        raise InputError(f"{name} has a tensor {wrong[0]} that does not fit its description; it was written damaged.")
    model.load_state_dict(file.tensors)
    return model
