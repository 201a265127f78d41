"""Type embeddings in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

from deepaw.potential.descriptor.type_embedding import TypeEmbedding, TypeEmbeddingConfig
from deepaw.potential.files.component import precision_name
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.networks import Network, read_network, write_embedding_layers
from deepaw.potential.network.electrons import SIZE

VERSION = 2
"""Newest supported version; version 1 has a bias and no key for it."""

KEYS = ("neuron", "resnet_dt", "activation_function", "precision", "use_econf_tebd", "use_tebd_bias")


def read_type_embedding(fields: Fields, type_map: list[str]) -> tuple[TypeEmbeddingConfig, Network]:
    """Read a type embedding: its section, and its layers."""
    fields.check_version(VERSION)
    fields.expect("ntypes", len(type_map))
    fields.expect("type_map", None, type_map)
    fields.ignore("trainable", "padding")
    section = {"use_tebd_bias": True, **fields.take_present(KEYS)}
    section["activation_function"] = str(section.get("activation_function", "tanh")).lower()
    config = fields.section(TypeEmbeddingConfig, section)
    inputs = SIZE if config.use_econf_tebd else len(type_map)
    network = read_network(fields.take_object("embedding"), (inputs, *config.neuron))
    fields.finish()
    return config, network


def write_type_embedding(module: TypeEmbedding, type_map: list[str]) -> dict[str, Any]:
    """Return the object of a type embedding in a file."""
    config = module.config
    precision = precision_name(module.dtype)
    common = {
        "activation_function": config.activation_function,
        "resnet_dt": config.resnet_dt,
        "precision": precision,
    }
    return {
        "@class": "TypeEmbedNet",
        "@version": VERSION,
        "ntypes": len(type_map),
        **config.model_dump(mode="json", include=set(KEYS)),
        "precision": precision,
        "trainable": True,
        "padding": True,
        "type_map": type_map,
        "embedding": write_embedding_layers(module.layers, common),
    }
