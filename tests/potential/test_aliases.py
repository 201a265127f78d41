"""Alternative names of DeePMD-kit 3.2 (its `argcheck`) for what there is here: each gives the same settings."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from deepaw.errors import InputError
from deepaw.potential.input import PotentialInput, read_potential_input
from deepaw.potential.network.activation import find_activation
from deepaw.potential.precision import dtype_of

SE_A = {"sel": [4, 8], "axis_neuron": 3}
BASE: dict[str, Any] = {
    "model": {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_a", **SE_A}},
    "learning_rate": {"start_lr": 1e-3},
    "training": {"training_data": {"systems": "data"}, "numb_steps": 10},
}

TYPES = {
    "se_e2_a": ({"type": "se_e2_a", **SE_A}, ("se_a",)),
    "se_e2_a_tebd": ({"type": "se_e2_a", **SE_A}, ("se_e2_a_tebd",)),
    "se_a_ebd_v2": ({"type": "se_a_ebd_v2", **SE_A}, ("se_a_tpe_v2",)),
    "se_e2_r": ({"type": "se_e2_r", "sel": [4, 8]}, ("se_r",)),
    "se_e3": ({"type": "se_e3", "sel": [4, 8]}, ("se_at", "se_a_3be", "se_t")),
    "se_atten": ({"type": "se_atten", "sel": 12}, ("dpa1",)),
}
"""A descriptor by its current name, and its other names."""

KEYS = [
    ("model.descriptor.axis_neuron", 3, ("n_axis_neuron",)),
    ("model.fitting_net.neuron", [20, 20], ("n_neuron",)),
    ("training.numb_steps", 10, ("stop_batch", "num_step", "num_steps", "numb_step")),
    ("training.num_epoch", 2, ("numb_epoch", "num_epochs", "numb_epochs")),
    ("training.training_data.auto_prob", "prob_uniform", ("auto_prob_style",)),
    ("training.training_data.sys_probs", [0.3, 0.7], ("sys_weights",)),
    ("training.validation_data.numb_btch", 3, ("numb_batch",)),
]
"""A key by its current name, a value, and its other names."""


@pytest.fixture
def read(tmp_path: Path):
    def settings(change: dict[str, Any]) -> PotentialInput:
        """Read `BASE` with other values at some paths; None removes a key."""
        content = copy.deepcopy(BASE)
        for path, value in change.items():
            *sections, key = path.split(".")
            section = content
            for name in sections:
                section = section.setdefault(name, {})
            section.pop(key, None)
            if value is not None:
                section[key] = value
        (tmp_path / "input.json").write_text(json.dumps(content))
        return read_potential_input(tmp_path / "input.json")

    return settings


def without_type(settings: PotentialInput) -> dict[str, Any]:
    content = settings.model_dump(mode="json")
    for section in (content["model"]["descriptor"], content["loss"]):
        section.pop("type")
    return content


@pytest.mark.parametrize("current", TYPES)
def test_names_of_descriptors(read, current):
    descriptor, others = TYPES[current]
    typed = {"model.type_embedding": {"neuron": [4]}} if current in ("se_e2_a_tebd", "se_a_ebd_v2") else {}
    expected = read({"model.descriptor": descriptor, **typed})
    for name in others:
        found = read({"model.descriptor": {**descriptor, "type": name}, **typed})
        assert without_type(found) == without_type(expected)
        assert type(found.model.descriptor) is type(expected.model.descriptor)
    if not typed:
        part = {"model.descriptor": {"type": "hybrid", "list": [descriptor]}}
        for name in others:
            other = {"model.descriptor": {"type": "hybrid", "list": [{**descriptor, "type": name}]}}
            assert type(read(other).model.descriptor.list[0]) is type(read(part).model.descriptor.list[0])


@pytest.mark.parametrize(("path", "value", "others"), KEYS)
def test_names_of_keys(read, path, value, others):
    change: dict[str, Any] = {path: value}
    if path == "training.num_epoch":
        change["training.numb_steps"] = None
    if "validation_data" in path:
        change["training.validation_data.systems"] = "data"
    expected = read(change)
    for name in others:
        other = {**change, path: None, path.rpartition(".")[0] + "." + name: value}
        assert read(other) == expected
        if "." in path and path != "training.num_epoch":
            with pytest.raises(InputError, match="say the same thing; keep one of them"):
                read({**change, path.rpartition(".")[0] + "." + name: value})


@pytest.mark.parametrize(("kind", "name"), [("dipole", "dipole_type"), ("polar", "pol_type")])
def test_names_of_sel_type(read, kind, name):
    change = {"loss": {"type": "tensor", "pref": 1.0, "pref_atomic": 0.0}}
    expected = read({**change, "model.fitting_net": {"type": kind, "sel_type": [0]}})
    assert read({**change, "model.fitting_net": {"type": kind, name: [0]}}) == expected


def test_other_names(read):
    assert without_type(read({"loss.type": "ener_hess"})) == without_type(read({}))
    with pytest.raises(InputError, match=r"loss\.start_pref_h is not supported"):
        read({"loss": {"type": "ener_hess", "start_pref_h": 1.0}})
    smooth = {"type": "se_atten", "sel": 12, "smooth_type_embedding": True}
    misspelt = {"type": "se_atten", "sel": 12, "smooth_type_embdding": True}
    assert read({"model.descriptor": misspelt}) == read({"model.descriptor": smooth})
    linear = read({"model.type_embedding": {"neuron": [4], "activation_function": None}})
    assert linear == read({"model.type_embedding": {"neuron": [4], "activation_function": "none"}})


def test_names_of_functions_and_precisions():
    for name in ("relu", "relu6", "softplus", "sigmoid", "tanh", "gelu", "gelu_tf", "silu", "linear"):
        assert find_activation(name) is find_activation(name.upper())
    assert find_activation("None") is find_activation("none") is find_activation("linear")
    assert find_activation("silut") is not None and find_activation("silut:5.0") is not None
    for name, others in {"float64": ("default", "double"), "float32": ("single",), "float16": ("half",)}.items():
        assert {dtype_of(other) for other in others} == {dtype_of(name)}
