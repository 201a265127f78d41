"""`se_e2_a` and `se_e2_r` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.potential.descriptor.pairwise import PairwiseConfig, PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A, SeE2AConfig
from deepaw.potential.descriptor.se_e2_r import SeE2R, SeE2RConfig
from deepaw.potential.files.component import DescriptorPart, precision_name
from deepaw.potential.files.fields import Fields, naming
from deepaw.potential.files.networks import (
    has_timestep,
    load_embedding,
    read_collection,
    write_collection,
    write_embedding,
)

VERSION = 3
"""The newest that is known: 2, or 3 where a tabulated copy of the embedding nets lies beside them."""

KEYS = (
    "rcut",
    "rcut_smth",
    "sel",
    "neuron",
    "type_one_side",
    "resnet_dt",
    "activation_function",
    "precision",
    "exclude_types",
    "trainable",
    "set_davg_zero",
    "env_protection",
)


def read_se_e2_a(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """The two-body descriptor with angles."""
    return _read(fields, type_map, SeE2AConfig, (*KEYS, "axis_neuron"), 4)


def read_se_e2_r(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """The two-body descriptor of distances."""
    return _read(fields, type_map, SeE2RConfig, KEYS, 1)


def _read(
    fields: Fields, type_map: list[str], kind: type[PairwiseConfig], keys: tuple[str, ...], components: int
) -> DescriptorPart:
    fields.version(VERSION)
    fields.expect("spin", None)
    fields.expect("type_map", None, type_map)
    # the table of a compressed model approximates the nets, which are there too
    fields.ignore("compress")
    section = fields.known(keys)
    config = fields.section(kind, section)
    assert not isinstance(config.sel, str)
    ntypes, slots = len(type_map), sum(config.sel)
    if len(config.sel) != ntypes:
        raise fields.error(f"has {len(config.sel)} entries; it should have one for each of the {ntypes} types", "sel")
    check_environment(fields, config)
    networks = read_collection(
        fields.inner("embeddings"), ntypes, 1 if config.type_one_side else 2, (1, *config.neuron)
    )
    if has_timestep(networks) and not config.resnet_dt:
        config = fields.section(kind, {**section, "resnet_dt": True})
    excluded = {tuple(pair) for pair in config.exclude_types} | {pair[::-1] for pair in config.exclude_types}
    for index, network in enumerate(networks):
        if network is None and (index % ntypes, index // ntypes) not in excluded:
            raise fields.error(f"is null, and types {index % ntypes} and {index // ntypes} are not excluded",
                               f"embeddings.networks[{index}]")  # fmt: skip
    davg, dstd = (_of_types(fields, name, (ntypes, slots, components)) for name in ("davg", "dstd"))
    if (dstd == 0).any():
        raise fields.error("holds zeros, which rows would be divided by", "@variables.dstd")
    fields.end()

    def load(module: nn.Module) -> None:
        assert isinstance(module, PairwiseDescriptor)
        with naming(fields):
            load_embedding(module.nets, networks)
        module.davg.copy_(torch.from_numpy(davg))
        module.dstd.copy_(torch.from_numpy(dstd))

    width = config.neuron[-1]
    if isinstance(config, SeE2AConfig):
        return DescriptorPart(config, load, width * config.axis_neuron, width)
    return DescriptorPart(config, load, width)


def check_environment(fields: Fields, config: PairwiseConfig) -> None:
    """The environment matrix is that of the section."""
    environment = fields.take("env_mat", None)
    if environment is None:
        return
    inner = Fields(environment, fields.file, f"{fields.place}.env_mat")
    inner.expect("use_exp_switch", False)
    inner.expect("rcut", config.rcut)
    inner.expect("rcut_smth", config.rcut_smth)
    # DeePMD-kit goes by env_protection, and writes 0 here for se_e2_r whatever that is
    inner.ignore("protection")
    inner.end()


def _of_types(fields: Fields, name: str, shape: tuple[int, int, int]) -> np.ndarray:
    """(ntypes, components) of what a file repeats over the slots."""
    values = fields.array(name, shape)
    if (values != values[:, :1]).any():
        raise fields.error("differs from slot to slot of one type, which is not supported", f"@variables.{name}")
    return values[:, 0]


def write_se_e2_a(module: SeE2A, type_map: list[str]) -> dict[str, Any]:
    """The object of the descriptor in a file."""
    return {**_written(module, type_map), "type": "se_e2_a", "axis_neuron": module.config.axis_neuron}


def write_se_e2_r(module: SeE2R, type_map: list[str]) -> dict[str, Any]:
    """The object of the descriptor in a file."""
    return {**_written(module, type_map), "type": "se_r"}


def _written(module: PairwiseDescriptor, type_map: list[str]) -> dict[str, Any]:
    config = module.config
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    networks = write_embedding(module.nets, common)
    return {
        "@class": "Descriptor",
        "@version": 2,
        **config.model_dump(mode="json", include=set(KEYS)),
        "precision": precision,
        "spin": None,
        "type_map": type_map,
        "embeddings": write_collection(networks, module.ntypes, 1 if config.type_one_side else 2, "embedding_network"),
        "env_mat": {
            "rcut": config.rcut,
            "rcut_smth": config.rcut_smth,
            "protection": config.env_protection,
            "use_exp_switch": False,
        },
        "@variables": {
            name: values.unsqueeze(1).repeat(1, module.nnei, 1).to(module.dtype).cpu().numpy()
            for name, values in (("davg", module.davg), ("dstd", module.dstd))
        },
    }
