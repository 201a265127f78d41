"""`se_atten` (named `dpa1`) and `se_atten_v2` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_atten_config import AttentionConfig, SeAttenConfig, SeAttenV2Config
from deepaw.potential.files.attention import AttentionLayers, layer_norm_eps, write_attention
from deepaw.potential.files.component import DescriptorPart, precision_name
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import (
    Network,
    has_timestep,
    load_layers,
    read_collection,
    write_collection,
    write_embedding_layers,
)
from deepaw.potential.files.se_e2 import KEYS
from deepaw.potential.files.slotted import check_environment
from deepaw.potential.files.type_embedding import read_type_embedding, write_type_embedding
from deepaw.potential.precision import dtype_of

VERSION = 4
"""Newest supported version: 2 is the basic one, 3 may have a tabulated copy of the nets, 4 a key lmax."""

ATTENTION_KEYS = (
    *KEYS,
    "axis_neuron",
    "tebd_dim",
    "use_econf_tebd",
    "use_tebd_bias",
    "concat_output_tebd",
    "attn",
    "attn_layer",
    "attn_dotr",
    "normalize",
    "scaling_factor",
    "temperature",
    "trainable_ln",
    "ln_eps",
)

MODE_KEYS = ("tebd_input_mode", "smooth_type_embedding")
"""Keys with a fixed value in `se_atten_v2`."""


def read_se_atten(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read `se_atten` with any `tebd_input_mode` and any number of attention layers."""
    return _read(fields, type_map, SeAttenConfig, (*ATTENTION_KEYS, *MODE_KEYS))


def read_se_atten_v2(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read `se_atten_v2`, with `tebd_input_mode` strip and smooth type embedding."""
    return _read(fields, type_map, SeAttenV2Config, ATTENTION_KEYS)


def _read(
    fields: Fields, type_map: list[str], config_class: type[AttentionConfig], keys: tuple[str, ...]
) -> DescriptorPart:
    fields.check_version(VERSION)
    ntypes = len(type_map)
    for key, expected in (("ntypes", ntypes), ("spin", None), ("attn_mask", False), ("lmax", 1)):
        fields.expect(key, expected)
    fields.expect("type_map", None, type_map)
    # the table of a compressed model approximates the nets, which the file has as well
    fields.ignore("compress")
    section = {"use_tebd_bias": True, **fields.take_present(keys)}  # the first version had a bias and no key for it
    slots = section.get("sel")
    slots = sum(slots) if isinstance(slots, list) else slots
    davg, dstd = (_read_statistics(fields, name, ntypes, slots) for name in ("davg", "dstd"))
    # the key has no effect if the mean is 0 anyway
    section["set_davg_zero"] = not davg.any()
    config = fields.section(config_class, section)
    check_environment(fields, config)
    types, type_network = read_type_embedding(fields.take_object("type_embedding"), type_map)
    type_inputs = types.neuron[-1] * (1 if config.type_one_side else 2)
    inputs = 1 + type_inputs * (config.mode == "concat")
    nets = {"layers": _read_net(fields.take_object("embeddings"), ntypes, config, inputs)}
    if config.mode == "strip":
        nets["type_layers"] = _read_net(fields.take_object("embeddings_strip"), ntypes, config, type_inputs)
    if has_timestep([*nets.values()]) and not config.resnet_dt:
        config = fields.section(config_class, {**section, "resnet_dt": True})
    attention = AttentionLayers(fields.take_object("attention_layers"), config)
    if (dstd == 0).any():
        raise fields.error("holds zeros, which rows would be divided by", "@variables.dstd")
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, SeAtten)
        with errors_with_place(fields):
            load_layers(module.nets.types.layers, type_network)
            for name, network in nets.items():
                load_layers(getattr(module.nets, name), network)
        for position, layer in enumerate(module.attention):
            attention.load(position, layer)
        module.davg.copy_(torch.from_numpy(davg))
        module.dstd.copy_(torch.from_numpy(dstd))

    width = config.neuron[-1] * config.axis_neuron + (types.neuron[-1] if config.concat_output_tebd else 0)
    same_precision = dtype_of(types.precision) == dtype_of(config.precision)
    is_default = same_precision and types == config.types.model_copy(update={"precision": types.precision})
    return DescriptorPart(config, load, width, config.neuron[-1], shares_nets=True, types=None if is_default else types)


def _read_statistics(fields: Fields, name: str, ntypes: int, slots: Any) -> np.ndarray:
    """Read davg or dstd (ntypes, 4), which files repeat over the slots."""
    if not isinstance(slots, int):
        raise fields.error(f"is {slots!r}; it should be a number of neighbours", "sel")
    values = fields.array(name, (ntypes, slots, 4))
    if (values != values[:, :1]).any():
        raise fields.error("differs from slot to slot, which is not supported", f"@variables.{name}")
    return values[:, 0]


def _read_net(fields: Fields, ntypes: int, config: AttentionConfig, inputs: int) -> Network:
    """Read the only net of a collection; inputs: width of its input."""
    (network,) = read_collection(fields, ntypes, 0, (inputs, *config.neuron))
    if network is None:
        raise fields.error("is null", "networks[0]")
    return network


def write_se_atten(module: SeAtten, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file."""
    config, nets = module.config, module.nets
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    is_v2 = isinstance(config, SeAttenV2Config)
    keys = ATTENTION_KEYS if is_v2 else (*ATTENTION_KEYS, *MODE_KEYS)

    def write_net(layers: nn.ModuleList) -> dict[str, Any]:
        return write_collection([write_embedding_layers(layers, common)], module.ntypes, 0, "embedding_network")

    return {
        "@class": "Descriptor",
        "type": "se_atten_v2" if is_v2 else "dpa1",
        "@version": 2,
        **config.model_dump(mode="json", include=set(keys)),
        "tebd_dim": nets.types.width,
        "ln_eps": layer_norm_eps(config),
        "sel": list(module.sel),
        "ntypes": module.ntypes,
        "attn_mask": False,
        "spin": None,
        "precision": precision,
        "type_map": type_map,
        "embeddings": write_net(nets.layers),
        **({} if nets.type_layers is None else {"embeddings_strip": write_net(nets.type_layers)}),
        "attention_layers": write_attention(module, precision),
        "env_mat": {
            "rcut": config.rcut,
            "rcut_smth": config.rcut_smth,
            "protection": config.env_protection,
            "use_exp_switch": False,
        },
        "type_embedding": write_type_embedding(nets.types, type_map),
        "@variables": {
            name: values.unsqueeze(1).repeat(1, module.nnei, 1).to(module.dtype).cpu().numpy()
            for name, values in (("davg", module.davg), ("dstd", module.dstd))
        },
    }
