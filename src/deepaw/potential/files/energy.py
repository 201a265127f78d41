"""`ener` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.potential.files.component import FittingPart, precision_name
from deepaw.potential.files.fields import Fields, naming
from deepaw.potential.files.networks import (
    has_timestep,
    load_fitting,
    read_collection,
    write_collection,
    write_fitting,
)
from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig

VERSION = 4

KEYS = (
    "neuron",
    "resnet_dt",
    "activation_function",
    "precision",
    "numb_fparam",
    "numb_aparam",
    "default_fparam",
)

STATISTICS = {
    "fparam_avg": "fparam_mean",
    "fparam_inv_std": "fparam_scale",
    "aparam_avg": "aparam_mean",
    "aparam_inv_std": "aparam_scale",
}
"""Buffers of the fitting, by the names in files."""


def read_energy(fields: Fields, type_map: list[str], width: int) -> FittingPart:
    """Fitting nets of atomic energies, for descriptors of this width."""
    fields.version(VERSION)
    ntypes = len(type_map)
    for key, right in (
        ("var_name", "energy"),
        ("dim_out", 1),
        ("ntypes", ntypes),
        ("dim_descrpt", width),
        ("tot_ener_zero", False),
        ("spin", None),
        ("dim_case_embd", 0),
    ):
        fields.expect(key, right)
    fields.expect("type_map", None, type_map)
    section = {"type": "ener", **fields.known(KEYS)}
    section["atom_ener"] = _atom_ener(fields, ntypes)
    trainable = fields.take("trainable", True)
    section["trainable"] = all(trainable) if isinstance(trainable, list) else trainable
    config = fields.section(EnergyFittingConfig, section)
    _check_names(fields)
    if config.numb_aparam:
        fields.expect("use_aparam_as_mask", False)
    fields.ignore("use_aparam_as_mask", "rcond")
    shared = bool(fields.take("mixed_types", False))
    widths = (width + config.numb_fparam + config.numb_aparam, *config.neuron, 1)
    networks = read_collection(fields.inner("nets"), ntypes, 0 if shared else 1, widths)
    if shared:
        networks = networks * ntypes
    if has_timestep(networks) and not config.resnet_dt:
        config = fields.section(EnergyFittingConfig, {**section, "resnet_dt": True})
    silent = fields.types("exclude_types", ntypes)
    statistics = {
        name: fields.array(name, (count,))
        for name, count in zip(STATISTICS, 2 * [config.numb_fparam] + 2 * [config.numb_aparam], strict=True)
        if count
    }
    bias = fields.optional_array("bias_atom_e")
    bias = np.zeros(ntypes) if bias is None else bias.reshape(-1)
    if bias.size != ntypes:
        raise fields.error(f"has {bias.size} values; it should have one for each of the {ntypes} types",
                           "@variables.bias_atom_e")  # fmt: skip
    bias[silent] = 0
    fields.end()

    def load(module: nn.Module) -> None:
        assert isinstance(module, EnergyFitting)
        for kind, network in enumerate(networks):
            net: Any = module.nets[kind]
            if network is not None:
                with naming(fields):
                    load_fitting(net, network)
            if network is None or kind in silent:
                for parameter in net.parameters():
                    parameter.detach().zero_()
        for name, values in statistics.items():
            getattr(module, STATISTICS[name]).copy_(torch.from_numpy(values))

    return FittingPart(config, load, torch.from_numpy(bias))


def _atom_ener(fields: Fields, ntypes: int) -> list[float | None]:
    """One entry for each type, or none at all."""
    given = fields.take("atom_ener", None) or []
    if not isinstance(given, list) or len(given) > ntypes:
        raise fields.error(f"is {given!r}; it should be a list with an energy or null for each type", "atom_ener")
    entries = [entry[0] if isinstance(entry, list) and len(entry) == 1 else entry for entry in given]
    if all(entry is None for entry in entries):
        return []
    # DeePMD-kit treats types that a short list does not reach as if they were given
    return entries + [0.0] * (ntypes - len(entries))


def _check_names(fields: Fields) -> None:
    names = fields.take("layer_name", None)
    if names and (not isinstance(names, list) or any(name is not None for name in names)):
        raise fields.error(f"is {names!r}; layers that nets share are not supported", "layer_name")


def write_energy(module: EnergyFitting, type_map: list[str], width: int) -> dict[str, Any]:
    """The object of the fitting net in a file."""
    config = module.config
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    nets: list[Any] = list(module.nets)
    statistics = {name: getattr(module, ours).to(module.dtype).cpu().numpy() for name, ours in STATISTICS.items()}
    return {
        "@class": "Fitting",
        "type": "ener",
        "@version": VERSION,
        "var_name": "energy",
        "ntypes": len(type_map),
        "dim_descrpt": width,
        "dim_out": 1,
        **config.model_dump(mode="json", include={*KEYS, "atom_ener"}),
        "precision": precision,
        "trainable": [config.trainable] * (len(config.neuron) + 1),
        "mixed_types": False,
        "dim_case_embd": 0,
        "rcond": None,
        "exclude_types": [],
        "tot_ener_zero": False,
        "layer_name": None,
        "use_aparam_as_mask": False,
        "spin": None,
        "type_map": type_map,
        "nets": write_collection([write_fitting(net, common) for net in nets], len(type_map), 1, "fitting_network"),
        "@variables": {
            "bias_atom_e": np.zeros((len(type_map), 1)),
            "case_embd": None,
            **{name: values if values.size else None for name, values in statistics.items()},
        },
    }
