"""`se_a_mask` in the layout of DeePMD-kit's files. DeePMD-kit itself has it only in TensorFlow files."""

from __future__ import annotations

from typing import Any

from torch import nn

from deepaw.potential.descriptor.se_a_mask import SeAMask, SeAMaskConfig
from deepaw.potential.files import slotted
from deepaw.potential.files.component import DescriptorPart
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import load_embedding, write_collection
from deepaw.potential.network.embedding import EmbeddingNets

VERSION = 1

KEYS = (
    "sel",
    "neuron",
    "axis_neuron",
    "type_one_side",
    "resnet_dt",
    "activation_function",
    "precision",
    "exclude_types",
    "trainable",
)


def read_se_a_mask(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read the two-body descriptor of clusters."""
    fields.check_version(VERSION)
    fields.expect("type_map", None, type_map)
    config = fields.section(SeAMaskConfig, {"type": "se_a_mask", **fields.take_present(KEYS)})
    config, networks = slotted.read_embeddings(fields, config, len(type_map), 1 if config.type_one_side else 2)
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, SeAMask) and isinstance(module.nets, EmbeddingNets)
        with errors_with_place(fields):
            load_embedding(module.nets, networks)

    width = config.neuron[-1]
    return DescriptorPart(config, load, width * config.axis_neuron, width)


def write_se_a_mask(module: SeAMask, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file."""
    assert isinstance(module.nets, EmbeddingNets)
    networks = slotted.write_networks(module, module.nets)
    ndim = 1 if module.config.type_one_side else 2
    return {
        "@class": "Descriptor",
        "@version": VERSION,
        **module.config.model_dump(mode="json", include={"type", *KEYS}),
        "type_map": type_map,
        "embeddings": write_collection(networks, module.ntypes, ndim, "embedding_network"),
        "@variables": {},
    }
