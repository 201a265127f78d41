"""`se_e3` in DeePMD-kit's files: a net for each ordered pair of types (t, u); only those with t <= u are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepaw.potential.descriptor.se_e3 import SeE3, SeE3Config
from deepaw.potential.files import slotted
from deepaw.potential.files.component import DescriptorPart
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.networks import load_embedding
from deepaw.potential.files.variables import map_variables


def read_se_e3(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read the three-body descriptor."""
    config = slotted.read_section(fields, type_map, SeE3Config, slotted.KEYS)
    ntypes = len(type_map)
    config, networks = slotted.read_embeddings(fields, config, ntypes, 2)
    davg, dstd = slotted.read_statistics(fields, config, ntypes, SeE3.components)
    if davg[:, 1:].any():
        raise fields.error("is not 0 for directions, which is not supported", "@variables.davg")
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, SeE3)
        with errors_with_place(fields):
            load_embedding(module.nets, [networks[t + ntypes * u] for t, u in module.pairs])
        module.with_statistics(torch.from_numpy(davg), torch.from_numpy(dstd))

    return DescriptorPart(config, load, config.neuron[-1])


def write_se_e3(module: SeE3, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file; the weights of unused nets are 0."""
    used = dict(zip(module.pairs, slotted.write_networks(module, module.nets), strict=True))
    unused = map_variables(used[0, 0], np.zeros_like)
    networks = [used.get((t, u), unused) for u in range(module.ntypes) for t in range(module.ntypes)]
    return {**slotted.write_descriptor(module, type_map, slotted.KEYS, networks, 2), "type": "se_e3"}
