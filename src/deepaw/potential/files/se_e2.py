"""`se_e2_a` and `se_e2_r` in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepaw.errors import InputError
from deepaw.potential.descriptor.pairwise import PairwiseConfig, PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A, SeE2AConfig
from deepaw.potential.descriptor.se_e2_r import SeE2R, SeE2RConfig
from deepaw.potential.descriptor.type_embedding import TypedNets
from deepaw.potential.files import slotted
from deepaw.potential.files.component import DescriptorPart
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import has_timestep, load_embedding, load_layers, read_collection
from deepaw.potential.files.type_embedding import read_type_embedding
from deepaw.potential.network.embedding import EmbeddingNets

KEYS = (*slotted.KEYS, "type_one_side")


def read_se_e2_a(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read the two-body descriptor with angular information, also with an embedding of types, which graphs have."""
    types = fields.take("type_embedding", None)
    if types is not None:
        return _read_typed(fields, type_map, Fields(types, fields.file, f"{fields.place}.type_embedding"))
    return _read(fields, type_map, SeE2AConfig, (*KEYS, "axis_neuron"), 4)


def read_se_e2_r(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read the two-body descriptor of distances."""
    return _read(fields, type_map, SeE2RConfig, KEYS, 1)


def _read(
    fields: Fields, type_map: list[str], config_class: type[PairwiseConfig], keys: tuple[str, ...], components: int
) -> DescriptorPart:
    config = slotted.read_section(fields, type_map, config_class, keys)
    ntypes = len(type_map)
    config, networks = slotted.read_embeddings(fields, config, ntypes, 1 if config.type_one_side else 2)
    excluded = {tuple(pair) for pair in config.exclude_types} | {pair[::-1] for pair in config.exclude_types}
    for index, network in enumerate(networks):
        if network is None and (index % ntypes, index // ntypes) not in excluded:
            raise fields.error(f"is null, and types {index % ntypes} and {index // ntypes} are not excluded",
                               f"embeddings.networks[{index}]")  # fmt: skip
    davg, dstd = slotted.read_statistics(fields, config, ntypes, components)
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, PairwiseDescriptor)
        assert isinstance(module.nets, EmbeddingNets)
        with errors_with_place(fields):
            load_embedding(module.nets, networks)
        module.set_statistics(torch.from_numpy(davg), torch.from_numpy(dstd))

    width = config.neuron[-1]
    if isinstance(config, SeE2AConfig):
        return DescriptorPart(config, load, width * config.axis_neuron, width)
    return DescriptorPart(config, load, width)


def _read_typed(fields: Fields, type_map: list[str], type_fields: Fields) -> DescriptorPart:
    """Read `se_e2_a` with one embedding net for all types; type_fields: object of the embedding of types."""
    config = slotted.read_section(fields, type_map, SeE2AConfig, (*KEYS, "axis_neuron"))
    ntypes = len(type_map)
    types, type_network = read_type_embedding(type_fields, type_map)
    inputs = 1 + types.neuron[-1] * (1 if config.type_one_side else 2)
    (network,) = read_collection(fields.take_object("embeddings"), ntypes, 0, (inputs, *config.neuron))
    if network is None:
        raise fields.error("is null", "embeddings.networks[0]")
    config = config.model_copy(update={"resnet_dt": config.resnet_dt or has_timestep([network])})
    davg, dstd = slotted.read_statistics(fields, config, ntypes, SeE2A.components)
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, SeE2A) and isinstance(module.nets, TypedNets)
        with errors_with_place(fields):
            load_layers(module.nets.types.layers, type_network)
            load_layers(module.nets.layers, network)
        module.set_statistics(torch.from_numpy(davg), torch.from_numpy(dstd))

    width = config.neuron[-1]
    rows = width * config.axis_neuron + types.neuron[-1]
    return DescriptorPart(config, load, rows, width, shares_nets=True, types=types)


def write_se_e2_a(module: SeE2A, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file."""
    return {**_write(module, type_map), "type": "se_e2_a", "axis_neuron": module.config.axis_neuron}


def write_se_e2_r(module: SeE2R, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file.

    Raises InputError: nets of pairs of types, which most backends misread.
    """
    if not module.config.type_one_side:
        raise InputError(
            "A model of se_e2_r with type_one_side false cannot be written for DeePMD-kit, whose backends, but for "
            "TensorFlow, take it for another model; keep it in a .safetensors file."
        )
    return {**_write(module, type_map), "type": "se_r"}


def _write(module: PairwiseDescriptor, type_map: list[str]) -> dict[str, Any]:
    if isinstance(module.nets, TypedNets):
        raise InputError(
            "A model of se_e2_a with type_embedding cannot be written for DeePMD-kit, whose files have no place for "
            "it; keep it in a .safetensors file."
        )
    networks = slotted.write_networks(module, module.nets)
    ndim = 1 if module.config.type_one_side else 2
    return {**slotted.write_descriptor(module, type_map, KEYS, networks, ndim), "spin": None}
