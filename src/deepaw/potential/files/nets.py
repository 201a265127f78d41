"""Common fields of fitting nets of all types in DeePMD-kit's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from deepaw.potential.files.component import precision_name
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import (
    has_timestep,
    load_fitting,
    read_collection,
    write_collection,
    write_fitting,
)
from deepaw.potential.fitting.base import FittingNets, NetsConfig

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
"""Buffers of `FittingNets` by their names in files."""

Config = TypeVar("Config", bound=NetsConfig)


@dataclass(frozen=True)
class Nets:
    """Fitting nets read from a file.

    config: their section. load: loads their weights into a module. excluded: types of `exclude_types`, whose nets are
    not used.
    """

    config: Any
    load: Callable[[FittingNets], None]
    excluded: list[int]


def read_nets(
    fields: Fields, type_map: list[str], width: int, outputs: int, config_class: type[Config], section: dict[str, Any]
) -> Nets:
    """Read the nets and the common fields of all types of fitting nets.

    width: of the descriptor. outputs: number of outputs of each net. section: keys specific to the type of fitting net.
    """
    ntypes = len(type_map)
    for key, expected in (
        ("ntypes", ntypes),
        ("dim_descrpt", width),
        ("tot_ener_zero", False),
        ("spin", None),
        ("dim_case_embd", 0),
    ):
        fields.expect(key, expected)
    fields.expect("type_map", None, type_map)
    trainable = fields.take("trainable", True)
    section = {
        **section,
        **fields.take_present(KEYS),
        "trainable": all(trainable) if isinstance(trainable, list) else trainable,
    }
    config = fields.section(config_class, section)
    _check_layer_names(fields)
    if config.seen_aparam:
        fields.expect("use_aparam_as_mask", False)
    fields.ignore("use_aparam_as_mask", "rcond")
    shared = bool(fields.take("mixed_types", False))
    widths = (width + config.numb_fparam + config.seen_aparam, *config.neuron, outputs)
    networks = read_collection(fields.take_object("nets"), ntypes, 0 if shared else 1, widths)
    if shared:
        networks = networks * ntypes
    if has_timestep(networks) and not config.resnet_dt:
        config = fields.section(config_class, {**section, "resnet_dt": True})
    excluded = fields.take_types("exclude_types", ntypes)
    statistics = {
        name: fields.array(name, (count,))
        for name, count in zip(STATISTICS, 2 * [config.numb_fparam] + 2 * [config.seen_aparam], strict=True)
        if count
    }

    def load(module: FittingNets) -> None:
        if module.shared and not shared:
            raise fields.error("is false; it should be true for this descriptor", "mixed_types")
        for number, network in enumerate(networks[:1] if module.shared else networks):
            net: Any = module.nets[number]
            if network is not None:
                with errors_with_place(fields):
                    load_fitting(net, network)
            if network is None or (number in excluded and not module.shared):
                for parameter in net.parameters():
                    parameter.detach().zero_()
        for name, values in statistics.items():
            getattr(module, STATISTICS[name]).copy_(torch.from_numpy(values))

    return Nets(config, load, excluded)


def _check_layer_names(fields: Fields) -> None:
    """Raise InputError for named layers, which nets may share."""
    names = fields.take("layer_name", None)
    if names and (not isinstance(names, list) or any(name is not None for name in names)):
        raise fields.error(f"is {names!r}; layers that nets share are not supported", "layer_name")


def write_nets(module: FittingNets, type_map: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the common fields of all types of fitting nets, and their `@variables`."""
    config = module.config
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    nets: list[Any] = list(module.nets)
    statistics = {name: _to_numpy(module, getattr(module, buffer)) for name, buffer in STATISTICS.items()}
    content = {
        "@class": "Fitting",
        "ntypes": len(type_map),
        "dim_descrpt": module.width,
        **config.model_dump(mode="json", include=set(KEYS)),
        "precision": precision,
        "trainable": [config.trainable] * (len(config.neuron) + 1),
        "mixed_types": module.shared,
        "dim_case_embd": 0,
        "rcond": None,
        "exclude_types": [],
        "tot_ener_zero": False,
        "layer_name": None,
        "use_aparam_as_mask": config.seen_aparam < config.numb_aparam,
        "spin": None,
        "type_map": type_map,
        "nets": write_collection(
            [write_fitting(net, common) for net in nets],
            len(type_map),
            0 if module.shared else 1,
            "fitting_network",
        ),
    }
    variables = {
        "case_embd": None,
        **{name: values if values.size else None for name, values in statistics.items()},
    }
    return content, variables


def _to_numpy(module: FittingNets, tensor: Tensor) -> Any:
    return tensor.to(module.dtype).cpu().numpy()
