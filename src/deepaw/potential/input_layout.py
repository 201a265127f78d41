"""Conversion of input.json from older layouts of DeePMD-kit, and from alternative names of keys, to the current one."""

from __future__ import annotations

import copy
from math import exp, log
from typing import Any

from deepaw.errors import InputError
from deepaw.inputfile import Translation
from deepaw.potential.training.unsupported import without_unsupported

_DATA = {"auto_prob_style": "auto_prob", "sys_weights": "sys_probs"}
_DESCRIPTOR = {"n_axis_neuron": "axis_neuron", "smooth_type_embdding": "smooth_type_embedding"}

ALIASES: dict[str, dict[str, str]] = {
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
"""Current names of keys by their alternative names, for each section; sections in a list have the path of the list."""

MOVED_KEYS: dict[str, tuple[str, ...]] = {
    "training.training_data": ("systems", "set_prefix", "batch_size", "auto_prob", "sys_probs", *_DATA),
    "learning_rate": ("warmup_steps", "warmup_ratio", "warmup_start_factor"),
    "optimizer": ("opt_type", "adam_beta1", "adam_beta2", "weight_decay"),
}
"""Keys that were in `training` in DeePMD-kit 1, or in 3.0 and 3.1, by their current section."""

VERSION_0_KEYS = ("use_smooth", "sel_a", "filter_neuron", "fitting_neuron", "n_neuron")
"""Top-level keys of inputs of DeePMD-kit 0."""


def current_layout(content: dict[str, Any]) -> Translation:
    """Convert the content of an input.json to the layout of `PotentialInput`, without keys that have no effect.

    Returns the converted content, and the original path of each renamed or moved key by its current path.

    Raises InputError: the layout of DeePMD-kit 0, a key given under two names, or a key that is not supported.
    """
    if "model" not in content and any(key in content for key in VERSION_0_KEYS):
        raise InputError(
            "the file has the layout of DeePMD-kit 0; write it with the sections model, learning_rate, loss and "
            "training (deepaw doc input)."
        )
    content = copy.deepcopy(content)
    former_paths: dict[str, str] = {}
    _move_keys(content, former_paths)
    for section_path, aliases in ALIASES.items():
        for path, section in _sections(content, section_path):
            for alias, name in aliases.items():
                if alias in section:
                    _put(section, name, section.pop(alias), f"{path}.{name}", f"{path}.{alias}", former_paths)
    _convert_stripped(content, former_paths)
    return without_unsupported(content, former_paths), former_paths


def _move_keys(content: dict[str, Any], former_paths: dict[str, str]) -> None:
    """Move keys of `training` to their current sections, in place."""
    training = content.get("training")
    if not isinstance(training, dict):
        return
    is_version_1 = "systems" in training
    if is_version_1:
        _convert_decay(content, training)
    for path, keys in MOVED_KEYS.items():
        for key in keys:
            if key not in training or (path == "training.training_data" and not is_version_1):
                continue
            section = content
            for part in path.split("."):
                section = section.setdefault(part, {})
                if not isinstance(section, dict):
                    return
            name = "type" if key == "opt_type" else key
            _put(section, name, training.pop(key), f"{path}.{name}", f"training.{key}", former_paths)


def _convert_stripped(content: dict[str, Any], former_paths: dict[str, str]) -> None:
    """Replace stripped_type_embedding true or false by tebd_input_mode "strip" or "concat", in place."""
    for path, section in _sections(content, "model.descriptor") + _sections(content, "model.descriptor.list"):
        former = "stripped_type_embedding"
        if section.get(former, 0) is None:
            del section[former]
        elif isinstance(section.get(former), bool):
            mode = "strip" if section.pop(former) else "concat"
            _put(section, "tebd_input_mode", mode, f"{path}.tebd_input_mode", f"{path}.{former}", former_paths)


def _convert_decay(content: dict[str, Any], training: dict[str, Any]) -> None:
    """Replace decay_rate, which in the layout of DeePMD-kit 1 determines the final rate, by stop_lr, in place."""
    section = content.get("learning_rate")
    if not isinstance(section, dict) or "decay_rate" not in section or "stop_lr" in section:
        return
    numbers = [section["decay_rate"], section.get("start_lr"), section.get("decay_steps"), training.get("stop_batch")]
    if all(isinstance(number, int | float) and number > 0 for number in numbers):
        rate, start, decay_steps, steps = numbers
        section["stop_lr"] = start * exp(log(rate) * steps / decay_steps)
        del section["decay_rate"]


def _put(section: dict[str, Any], name: str, value: Any, path: str, former: str, former_paths: dict[str, str]) -> None:
    """Set a key of a section and record its former path; raises InputError where the key is there already."""
    former = former_paths.pop(former, former)
    if name in section:
        raise InputError(f"{former} and {former_paths.get(path, path)} say the same thing; keep one of them.")
    section[name] = value
    former_paths[path] = former


def _sections(content: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the sections at a path with their full paths: one section, or all entries of a list."""
    for part in path.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    if isinstance(content, list):
        return [(f"{path}[{i}]", section) for i, section in enumerate(content) if isinstance(section, dict)]
    return [(path, content)] if isinstance(content, dict) else []
