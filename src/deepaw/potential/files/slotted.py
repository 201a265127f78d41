"""Common fields of descriptors with embedding nets and `sel` by type in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from deepaw.potential.descriptor.slotted import EmbeddingConfig, SlottedDescriptor
from deepaw.potential.files.component import precision_name
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.networks import Network, has_timestep, read_collection, write_collection, write_embedding
from deepaw.potential.network.embedding import EmbeddingNets

VERSION = 3
"""Newest supported version: 2 is the basic one, 3 may have a tabulated copy of the embedding nets."""

KEYS = (
    "rcut",
    "rcut_smth",
    "sel",
    "neuron",
    "resnet_dt",
    "activation_function",
    "precision",
    "exclude_types",
    "trainable",
    "set_davg_zero",
    "env_protection",
)

Config = TypeVar("Config", bound=EmbeddingConfig)


def read_section(fields: Fields, type_map: list[str], config_class: type[Config], keys: tuple[str, ...]) -> Config:
    """Read the section of a descriptor, with numbers for `sel`, and the general fields of its object."""
    fields.check_version(VERSION)
    fields.expect("spin", None)
    fields.expect("type_map", None, type_map)
    # the table of a compressed model approximates the nets, which the file has as well
    fields.ignore("compress")
    config = fields.section(config_class, fields.take_present(keys))
    ntypes = len(type_map)
    if len(config.sel) != ntypes:
        raise fields.error(f"has {len(config.sel)} entries; it should have one for each of the {ntypes} types", "sel")
    check_environment(fields, config)
    return config


def read_embeddings(fields: Fields, config: Config, ntypes: int, ndim: int) -> tuple[Config, list[Network | None]]:
    """Return the section with `resnet_dt` according to the nets, and the nets."""
    networks = read_collection(fields.take_object("embeddings"), ntypes, ndim, (1, *config.neuron))
    return config.model_copy(update={"resnet_dt": config.resnet_dt or has_timestep(networks)}), networks


def read_statistics(
    fields: Fields, config: EmbeddingConfig, ntypes: int, components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read davg and dstd, (ntypes, components), which files repeat over the slots."""
    assert not isinstance(config.sel, str)
    statistics = []
    for name in ("davg", "dstd"):
        values = fields.array(name, (ntypes, sum(config.sel), components))
        if (values != values[:, :1]).any():
            raise fields.error("differs from slot to slot of one type, which is not supported", f"@variables.{name}")
        statistics.append(values[:, 0])
    davg, dstd = statistics
    if (dstd == 0).any():
        raise fields.error("holds zeros, which rows would be divided by", "@variables.dstd")
    return davg, dstd


def check_environment(fields: Fields, config: EmbeddingConfig) -> None:
    """Raise InputError unless the environment matrix `env_mat` agrees with the section."""
    environment = fields.take("env_mat", None)
    if environment is None:
        return
    inner = Fields(environment, fields.file, f"{fields.place}.env_mat")
    inner.expect("use_exp_switch", False)
    inner.expect("rcut", config.rcut)
    inner.expect("rcut_smth", config.rcut_smth)
    # DeePMD-kit uses env_protection, and writes 0 here for se_e2_r in any case
    inner.ignore("protection")
    inner.finish()


def write_networks(module: SlottedDescriptor, nets: EmbeddingNets) -> list[dict[str, Any]]:
    """Return one object for each embedding net."""
    config = module.config
    names = ("activation_function", "resnet_dt")
    common = {name: getattr(config, name) for name in names} | {"precision": precision_name(module.dtype)}
    return write_embedding(nets, common)


def write_descriptor(
    module: SlottedDescriptor, type_map: list[str], keys: tuple[str, ...], networks: list[dict[str, Any]], ndim: int
) -> dict[str, Any]:
    """Return the object of a descriptor without its `type`.

    keys: of the section. networks: objects of the nets. ndim: number of types of a net's index.
    """
    config = module.config
    return {
        "@class": "Descriptor",
        "@version": 2,
        **config.model_dump(mode="json", include=set(keys)),
        "precision": precision_name(module.dtype),
        "type_map": type_map,
        "embeddings": write_collection(networks, module.ntypes, ndim, "embedding_network"),
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
