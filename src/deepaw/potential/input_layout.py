"""Other names and places that DeePMD-kit has, or once had, for keys of input.json, brought to one layout."""

from __future__ import annotations

import copy
from math import exp, log
from typing import Any

from deepaw.errors import InputError
from deepaw.inputfile import Translation
from deepaw.potential.training.unsupported import without_unsupported

_DATA = {"auto_prob_style": "auto_prob", "sys_weights": "sys_probs"}
_DESCRIPTOR = {"n_axis_neuron": "axis_neuron", "smooth_type_embdding": "smooth_type_embedding"}

NAMES: dict[str, dict[str, str]] = {
    "model.descriptor": _DESCRIPTOR,
    "model.descriptor.list": _DESCRIPTOR,
    "model.fitting_net": {"n_neuron": "neuron", "dipole_type": "sel_type", "pol_type": "sel_type"},
    "training": {
        **dict.fromkeys(("stop_batch", "num_step", "num_steps", "numb_step"), "numb_steps"),
        **dict.fromkeys(("numb_epoch", "num_epochs", "numb_epochs"), "num_epoch"),
    },
    "training.training_data": _DATA,
    "training.validation_data": {**_DATA, "numb_batch": "numb_btch"},
}
"""Other names of keys, by section; the sections in a list have the place of the list."""

MOVED: dict[str, tuple[str, ...]] = {
    "training.training_data": ("systems", "set_prefix", "batch_size", "auto_prob", "sys_probs", *_DATA),
    "learning_rate": ("warmup_steps", "warmup_ratio", "warmup_start_factor"),
    "optimizer": ("opt_type", "adam_beta1", "adam_beta2", "weight_decay"),
}
"""By the section where they are now: keys that were in `training` in DeePMD-kit 1, and in 3.0 and 3.1."""

OLDEST = ("use_smooth", "sel_a", "filter_neuron", "fitting_neuron", "n_neuron")
"""Keys at the top of inputs of DeePMD-kit 0."""


def current_layout(content: dict[str, Any]) -> Translation:
    """What is in an input.json, in the layout of `PotentialInput`, without keys that ask for nothing.

    Raises InputError: the layout of DeePMD-kit 0, a thing said under two names, or a key that is not supported.
    """
    if "model" not in content and any(key in content for key in OLDEST):
        raise InputError(
            "the file has the layout of DeePMD-kit 0; write it with the sections model, learning_rate, loss and "
            "training (deepaw doc input)."
        )
    content = copy.deepcopy(content)
    names: dict[str, str] = {}
    _move(content, names)
    for general, others in NAMES.items():
        for place, section in _sections(content, general):
            for other, name in others.items():
                if other in section:
                    _put(section, name, section.pop(other), f"{place}.{name}", f"{place}.{other}", names)
    _strip(content, names)
    return without_unsupported(content, names), names


def _move(content: dict[str, Any], names: dict[str, str]) -> None:
    training = content.get("training")
    if not isinstance(training, dict):
        return
    is_first = "systems" in training
    if is_first:
        _end_of_decay(content, training)
    for place, keys in MOVED.items():
        for key in keys:
            if key not in training or (place == "training.training_data" and not is_first):
                continue
            section = content
            for part in place.split("."):
                section = section.setdefault(part, {})
                if not isinstance(section, dict):
                    return
            name = "type" if key == "opt_type" else key
            _put(section, name, training.pop(key), f"{place}.{name}", f"training.{key}", names)


def _strip(content: dict[str, Any], names: dict[str, str]) -> None:
    """stripped_type_embedding was true or false for what tebd_input_mode is strip or concat for."""
    for place, section in _sections(content, "model.descriptor") + _sections(content, "model.descriptor.list"):
        former = "stripped_type_embedding"
        if section.get(former, 0) is None:
            del section[former]
        elif isinstance(section.get(former), bool):
            mode = "strip" if section.pop(former) else "concat"
            _put(section, "tebd_input_mode", mode, f"{place}.tebd_input_mode", f"{place}.{former}", names)


def _end_of_decay(content: dict[str, Any], training: dict[str, Any]) -> None:
    """In the layout of DeePMD-kit 1, a decay_rate says where the rate ends, and nothing else does."""
    section = content.get("learning_rate")
    if not isinstance(section, dict) or "decay_rate" not in section or "stop_lr" in section:
        return
    numbers = [section["decay_rate"], section.get("start_lr"), section.get("decay_steps"), training.get("stop_batch")]
    if all(isinstance(number, int | float) and number > 0 for number in numbers):
        rate, start, every, steps = numbers
        section["stop_lr"] = start * exp(log(rate) * steps / every)
        del section["decay_rate"]


def _put(section: dict[str, Any], name: str, value: Any, place: str, former: str, names: dict[str, str]) -> None:
    former = names.pop(former, former)
    if name in section:
        raise InputError(f"{former} and {names.get(place, place)} say the same thing; keep one of them.")
    section[name] = value
    names[place] = former


def _sections(content: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    for part in place.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    if isinstance(content, list):
        return [(f"{place}[{i}]", section) for i, section in enumerate(content) if isinstance(section, dict)]
    return [(place, content)] if isinstance(content, dict) else []
