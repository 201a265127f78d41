"""Native files of small models with random weights, for tests of the C interface."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.config import ModelConfig
from potential.randommodels import random_model, random_tensor_model

DESCRIPTOR = {
    "type": "se_e2_a",
    "rcut": 3.5,
    "rcut_smth": 1.5,
    "sel": [40, 60],
    "neuron": [4, 8],
    "axis_neuron": 3,
    "type_one_side": True,
}
TYPES = ["O", "H"]


def config(fitting: dict[str, Any], types: list[str] = TYPES) -> ModelConfig:
    """Return the configuration of a model with the small descriptor; fitting: keys of its fitting net."""
    descriptor = {**DESCRIPTOR, "sel": DESCRIPTOR["sel"][: len(types)]}
    fitting_net = {"neuron": [6, 6], "resnet_dt": False, **fitting}
    return ModelConfig.model_validate({"type_map": types, "descriptor": descriptor, "fitting_net": fitting_net})


@cache
def folder() -> Path:
    """Return a folder for the models of all tests."""
    return Path(mkdtemp(prefix="deepaw-tests-"))


@cache
def energies(seed: int = 1, numb_fparam: int = 0, numb_aparam: int = 0, default: bool = False) -> Path:
    """Write a model of energies; default: it has parameters for frames without any."""
    parameters: dict[str, Any] = {"numb_fparam": numb_fparam, "numb_aparam": numb_aparam}
    if default:
        parameters["default_fparam"] = [0.2] * numb_fparam
    path = folder() / f"energies-{seed}-{numb_fparam}-{numb_aparam}-{default}.safetensors"
    write_potential(path, random_model(config(parameters), seed))
    return path


@cache
def tensors(kind: str, selected: tuple[int, ...] = (0, 1)) -> Path:
    """Write a model of dipoles or polarizabilities of some types."""
    path = folder() / f"{kind}-{'-'.join(map(str, selected))}.safetensors"
    write_potential(path, random_tensor_model(config({"type": kind, "sel_type": list(selected)})))
    return path
