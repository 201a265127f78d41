"""Training checkpoints of DeePMD-kit's PyTorch backend (`.pt`): a state dict, and the section `model` of the input.

A checkpoint is converted to the tree of the corresponding `.dp` file, and read as such.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.files.checkpoint_attention import TYPES as ATTENTION
from deepaw.potential.files.checkpoint_attention import attention_descriptor
from deepaw.potential.files.checkpoint_networks import read_networks
from deepaw.potential.files.container import Tree
from deepaw.potential.files.deepmd import CLOSEST_KEY, model_of
from deepaw.potential.files.shortrange import SECTION_KEYS, table_from_splines, zbl_object
from deepaw.potential.model.atomic import AtomicModel

MODEL_PREFIX = "model.Default."
"""Prefix of tensor names of checkpoints with a single model."""

IGNORED_KEYS = (
    "seed",
    "data_stat_nbatch",
    "data_stat_protect",
    "data_bias_nsample",
    "srtab_add_bias",
    "model_branch_alias",
    "info",
    "bridging_r_inner",
    "bridging_r_outer",
)
"""Keys of the section `model` used only in training, or only with a `bridging_method`."""

THREE_BODY_TYPES = ("se_e3", "se_at", "se_a_3be")


def read_checkpoint(path: str | Path) -> AtomicModel:
    """Read the model of a `.pt` checkpoint; it keeps DeePMD-kit's rule for more neighbours than `sel`.

    Raises InputError: no such file, another type of file, a damaged one, several models in one file, or a model that is
    not supported.
    """
    path = Path(path)
    state = _load_state(path)
    extra = state.get("_extra_state")
    parameters = extra.get("model_params") if isinstance(extra, dict) else None
    if not isinstance(parameters, dict):
        raise InputError(f"{path} holds no model parameters, which a checkpoint of DeePMD-kit's PyTorch backend does.")
    if "model_dict" in parameters:
        names = ", ".join(parameters["model_dict"])
        raise InputError(f"{path} holds several models ({names}), which is not supported; freeze one of them.")
    if parameters.get("spin") is not None:
        raise InputError(f"{path} holds a model of atoms with spins (model.spin), which is not supported.")
    tensors = {
        name.removeprefix(MODEL_PREFIX): value.detach().cpu().double().numpy()
        for name, value in state.items()
        if isinstance(value, Tensor) and name.startswith(MODEL_PREFIX)
    }
    if not tensors:
        raise InputError(f"{path} has no tensors named {MODEL_PREFIX}*, which a checkpoint of DeePMD-kit has.")
    return model_of(_tree(parameters, tensors), str(path))


def _load_state(path: Path) -> dict[str, Any]:
    """Load the state dict of a checkpoint; code in the file is not executed."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give a checkpoint (.pt).") from None
    except PermissionError:
        raise InputError(f"{path} may not be read: permission denied.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError):
        raise InputError(f"{path} is not a readable checkpoint of tensors; it may be cut short or not one.") from None
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict):
        raise InputError(f"{path} does not hold a state dict, which a checkpoint of DeePMD-kit does.")
    return content


def _tree(parameters: dict[str, Any], tensors: dict[str, np.ndarray]) -> Tree:
    """Return the tree of a model; parameters: the section `model` of its input."""
    model = {name: value for name, value in parameters.items() if name not in IGNORED_KEYS and value is not None}
    if str(model.get("bridging_method", "none")).lower() == "none":
        model.pop("bridging_method", None)
    descriptor, fitting = model.pop("descriptor", {}), model.pop("fitting_net", {})
    closest = tensors.get("min_nbor_dist")
    short_range = {key: model.pop(key) for key in ("use_srtab", *SECTION_KEYS) if key in model}
    prefix = "atomic_model.models.0." if short_range else "atomic_model."
    content = {
        "type": "standard",
        **model,
        "descriptor": _descriptor(descriptor, tensors, f"{prefix}descriptor."),
        "fitting": _fitting(fitting, tensors, f"{prefix}fitting_net.", _is_shared(descriptor)),
        "@variables": _variables(tensors, "atomic_model.", ("out_bias", "out_std")),
    }
    if short_range:
        content = _with_table(content, short_range, tensors)
    return {
        "software": "deepmd-kit",
        "backend": "PyTorch",
        "model": content,
        "model_def_script": parameters,
        "@variables": {} if closest is None else {CLOSEST_KEY: closest},
    }


def _with_table(network: dict[str, Any], section: dict[str, Any], tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the object of a `zbl` model; section: keys of the section `model` for the table."""
    tab_info, tab_data = (tensors.get(f"atomic_model.models.1.{name}") for name in ("tab_info", "tab_data"))
    if tab_info is None or tab_data is None:
        return network  # model_of reports the missing table
    descriptor = network["descriptor"]
    rcut = max(part.get("rcut", 0.0) for part in [descriptor, *descriptor.get("list", [])])
    # DeePMD-kit ignores smin_alpha here and takes its default
    zbl = zbl_object(network, table_from_splines(tab_info, tab_data), section | {"smin_alpha": 0.1}, rcut)
    for number, model in enumerate(zbl["models"]):
        model["@variables"] = _variables(tensors, f"atomic_model.models.{number}.", ("out_bias", "out_std"))
    return zbl


def _is_shared(descriptor: dict[str, Any]) -> bool:
    """Return whether one fitting net serves all types: in a hybrid if any part has attention."""
    return any(part.get("type") in ATTENTION for part in descriptor.get("list", [descriptor]))


def _descriptor(section: dict[str, Any], tensors: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    """Return the object of a descriptor; section: of the input. prefix: of its tensors."""
    if section.get("type") == "hybrid":
        parts = section.get("list", [])
        return {
            **_relevant_keys(section),
            "list": [_descriptor(part, tensors, f"{prefix}descrpt_list.{i}.") for i, part in enumerate(parts)],
        }
    if section.get("type") in ATTENTION:
        return attention_descriptor(_relevant_keys(section), tensors, prefix)
    blocks = (f"{prefix}{name}." for name in ("sea", "seat"))
    block = next((block for block in blocks if any(name.startswith(block) for name in tensors)), prefix)
    networks = read_networks(tensors, f"{block}filter_layers.networks.", section.get("activation_function", "tanh"))
    # DeePMD-kit ignores type_one_side for se_e2_r, which has one network for each type; se_e3 has no such key
    one_side = section.get("type") in ("se_e2_r", "se_r") or bool(section.get("type_one_side"))
    return {
        **_relevant_keys(section),
        **({} if section.get("type") in THREE_BODY_TYPES else {"type_one_side": one_side}),
        "embeddings": {"ndim": 1 if one_side else 2, "networks": networks},
        "@variables": {"davg": tensors.get(f"{block}mean"), "dstd": tensors.get(f"{block}stddev")},
    }


def _fitting(section: dict[str, Any], tensors: dict[str, np.ndarray], prefix: str, shared: bool) -> dict[str, Any]:
    """Return the object of the fitting net; section: of the input. prefix: of its tensors. shared: one net for all."""
    names = ("bias_atom_e", "fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std")
    networks = read_networks(tensors, f"{prefix}filter_layers.networks.", section.get("activation_function", "tanh"))
    for network in networks:
        network["layers"][-1] |= {"activation_function": "none", "resnet": False}
    return {
        "type": "ener",
        **_relevant_keys(section),
        "mixed_types": shared,
        "nets": {"ndim": 0 if shared else 1, "networks": networks},
        "@variables": _variables(tensors, prefix, names),
    }


def _relevant_keys(section: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name not in IGNORED_KEYS}


def _variables(tensors: dict[str, np.ndarray], prefix: str, names: tuple[str, ...]) -> dict[str, np.ndarray | None]:
    return {name: tensors.get(prefix + name) for name in names}
