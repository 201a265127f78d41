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
from deepaw.potential.model import KIND, AtomicModel, ModelConfig, PotentialModel
from deepaw.potential.shortrange.table import PairTable
from deepaw.potential.tensor import TensorModel


def make_model(config: ModelConfig, **given: Any) -> AtomicModel:
    """The model that a section asks for, by its fitting net; given: as of `AtomicModel` or, for energies, of
    `PotentialModel`."""
    kind = TensorModel if isinstance(config.fitting_net, TensorConfig) else PotentialModel
    return kind(config, **given)


def model_for(config: ModelConfig, tensors: Mapping[str, Tensor], name: str, **given: Any) -> AtomicModel:
    """The model that tensors belong to, without most of them; given: as of `make_model`.

    Raises InputError, naming the file: it should have a table of pair energies, and has none for its types.
    """
    if config.use_srtab is not None:
        rows = tensors.get("interpolation.table")
        if rows is None or rows.ndim != 2 or len(rows) < 2 or PairTable(rows.numpy()).ntypes != len(config.type_map):
            raise InputError(f"{name} has no table of pair energies for its types; it was written damaged.")
        given["table"] = PairTable(rows.cpu().numpy())
    return make_model(config, **given)


def load_model(path: str | Path) -> AtomicModel:
    """Read a native file.

    Raises InputError: everything `read_model` raises, a description that is not that of a potential, or tensors that
    do not fit it.
    """
    return from_file(read_model(path, KIND), str(path))


def from_file(file: ModelFile, name: str) -> AtomicModel:
    """The model in what `read_model` returned; `name` is what messages call the file."""
    try:
        config = ModelConfig.model_validate(file.metadata["model"])
        fixed_slots, closest = bool(file.metadata["fixed_slots"]), file.metadata["closest"]
    except (KeyError, ValidationError):
        raise InputError(f"{name} has a description that is not that of a potential this deepaw knows.") from None
    provenance = file.metadata.get("provenance")
    model = model_for(config, file.tensors, name, fixed_slots=fixed_slots, closest=closest, provenance=provenance)
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
