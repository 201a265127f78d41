"""`se_atten` (`dpa1` there) and `se_atten_v2` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_atten_config import AttentionConfig, SeAttenConfig, SeAttenV2Config
from deepaw.potential.files.attention import AttentionLayers, epsilon_of, write_attention
from deepaw.potential.files.component import DescriptorPart, precision_name
from deepaw.potential.files.fields import Fields, naming
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
"""The newest that is known: 2; 3 where a tabulated copy of the nets lies beside them, 4 where lmax may not be 1."""

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
"""What `se_atten_v2` has no choice of."""


def read_se_atten(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Any mode, any number of attention layers."""
    return _read(fields, type_map, SeAttenConfig, (*ATTENTION_KEYS, *MODE_KEYS))


def read_se_atten_v2(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Stripped, smooth types."""
    return _read(fields, type_map, SeAttenV2Config, ATTENTION_KEYS)


def _read(fields: Fields, type_map: list[str], kind: type[AttentionConfig], keys: tuple[str, ...]) -> DescriptorPart:
    fields.version(VERSION)
    ntypes = len(type_map)
    for key, right in (("ntypes", ntypes), ("spin", None), ("attn_mask", False), ("lmax", 1)):
        fields.expect(key, right)
    fields.expect("type_map", None, type_map)
    # the table of a compressed model approximates the nets, which are there too
    fields.ignore("compress")
    section = {"use_tebd_bias": True, **fields.known(keys)}  # the first version had a bias and no key for it
    slots = section.get("sel")
    slots = sum(slots) if isinstance(slots, list) else slots
    davg, dstd = (_of_types(fields, name, ntypes, slots) for name in ("davg", "dstd"))
    # where the mean is 0 all the same, the key means nothing
    section["set_davg_zero"] = not davg.any()
    config = fields.section(kind, section)
    check_environment(fields, config)
    types, of_types = read_type_embedding(fields.inner("type_embedding"), type_map)
    inputs = types.neuron[-1] * (1 if config.type_one_side else 2)
    nets = {"layers": _one_net(fields.inner("embeddings"), ntypes, config, 1 + inputs * (config.mode == "concat"))}
    if config.mode == "strip":
        nets["type_layers"] = _one_net(fields.inner("embeddings_strip"), ntypes, config, inputs)
    if has_timestep([*nets.values()]) and not config.resnet_dt:
        config = fields.section(kind, {**section, "resnet_dt": True})
    attention = AttentionLayers(fields.inner("attention_layers"), config)
    if (dstd == 0).any():
        raise fields.error("holds zeros, which rows would be divided by", "@variables.dstd")
    fields.end()

    def load(module: nn.Module) -> None:
        assert isinstance(module, SeAtten)
        with naming(fields):
            load_layers(module.nets.types.layers, of_types)
            for name, network in nets.items():
                load_layers(getattr(module.nets, name), network)
        for position, layer in enumerate(module.attention):
            attention.load(position, layer)
        module.davg.copy_(torch.from_numpy(davg))
        module.dstd.copy_(torch.from_numpy(dstd))

    width = config.neuron[-1] * config.axis_neuron + (types.neuron[-1] if config.concat_output_tebd else 0)
    same_precision = dtype_of(types.precision) == dtype_of(config.precision)
    usual = same_precision and types == config.types.model_copy(update={"precision": types.precision})
    return DescriptorPart(config, load, width, config.neuron[-1], shares_nets=True, types=None if usual else types)


def _of_types(fields: Fields, name: str, ntypes: int, slots: Any) -> np.ndarray:
    """(ntypes, 4) of what a file repeats over the slots."""
    if not isinstance(slots, int):
        raise fields.error(f"is {slots!r}; it should be a number of neighbours", "sel")
    values = fields.array(name, (ntypes, slots, 4))
    if (values != values[:, :1]).any():
        raise fields.error("differs from slot to slot, which is not supported", f"@variables.{name}")
    return values[:, 0]


def _one_net(fields: Fields, ntypes: int, config: AttentionConfig, inputs: int) -> Network:
    (network,) = read_collection(fields, ntypes, 0, (inputs, *config.neuron))
    if network is None:
        raise fields.error("is null", "networks[0]")
    return network


def write_se_atten(module: SeAtten, type_map: list[str]) -> dict[str, Any]:
    """The object of the descriptor in a file."""
    config, nets = module.config, module.nets
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    is_v2 = isinstance(config, SeAttenV2Config)
    keys = ATTENTION_KEYS if is_v2 else (*ATTENTION_KEYS, *MODE_KEYS)

    def one_net(layers: nn.ModuleList) -> dict[str, Any]:
        return write_collection([write_embedding_layers(layers, common)], module.ntypes, 0, "embedding_network")

    return {
        "@class": "Descriptor",
        "type": "se_atten_v2" if is_v2 else "dpa1",
        "@version": 2,
        **config.model_dump(mode="json", include=set(keys)),
        "tebd_dim": nets.types.width,
        "ln_eps": epsilon_of(config),
        "sel": list(module.sel),
        "ntypes": module.ntypes,
        "attn_mask": False,
        "spin": None,
        "precision": precision,
        "type_map": type_map,
        "embeddings": one_net(nets.layers),
        **({} if nets.type_layers is None else {"embeddings_strip": one_net(nets.type_layers)}),
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
