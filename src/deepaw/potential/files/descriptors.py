"""Registry of descriptors in DeePMD-kit's files by their `type`. A new one needs its own file and two entries here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import nn

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.hybrid import Hybrid
from deepaw.potential.descriptor.loc_frame import LocFrame
from deepaw.potential.descriptor.registry import HybridConfig
from deepaw.potential.descriptor.se_a_mask import SeAMask
from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.se_e2_r import SeE2R
from deepaw.potential.descriptor.se_e3 import SeE3
from deepaw.potential.files.component import DescriptorPart
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.loc_frame import read_loc_frame, write_loc_frame
from deepaw.potential.files.se_a_mask import read_se_a_mask, write_se_a_mask
from deepaw.potential.files.se_atten import read_se_atten, read_se_atten_v2, write_se_atten
from deepaw.potential.files.se_e2 import read_se_e2_a, read_se_e2_r, write_se_e2_a, write_se_e2_r
from deepaw.potential.files.se_e3 import read_se_e3, write_se_e3

HYBRID_VERSION = 1


def read_descriptor(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read a descriptor from its object in a file; raises InputError for one that is not supported."""
    return fields.choose("type", READERS)(fields, type_map)


def write_descriptor(module: Descriptor, type_map: list[str]) -> dict[str, Any]:
    """Return the object of a descriptor in a file."""
    return WRITERS[type(module)](module, type_map)


def _read_hybrid(fields: Fields, type_map: list[str]) -> DescriptorPart:
    fields.check_version(HYBRID_VERSION)
    fields.expect("type_map", None, type_map)
    parts = [
        read_descriptor(Fields(part, fields.file, f"{fields.place}.list[{index}]"), type_map)
        for index, part in enumerate(fields.take_list("list"))
    ]
    fields.finish()
    for index, part in enumerate(parts):
        if part.types is not None:
            raise fields.error(
                "is more than one linear layer of width tebd_dim, which is not supported beside other descriptors",
                f"list[{index}].type_embedding",
            )
    config = fields.section(HybridConfig, {"type": "hybrid", "list": [part.config.model_dump() for part in parts]})

    def load(module: nn.Module) -> None:
        assert isinstance(module, Hybrid)
        for part, inner in zip(parts, module.parts, strict=True):
            part.load(inner)

    return DescriptorPart(
        config,
        load,
        sum(part.width for part in parts),
        sum(part.channels for part in parts),
        shares_nets=any(part.shares_nets for part in parts),
    )


def _write_hybrid(module: Hybrid, type_map: list[str]) -> dict[str, Any]:
    return {
        "@class": "Descriptor",
        "type": "hybrid",
        "@version": HYBRID_VERSION,
        "list": [write_descriptor(part, type_map) for part in cast(list[Descriptor], list(module.parts))],
    }


READERS: dict[str, Callable[[Fields, list[str]], DescriptorPart]] = {
    "se_e2_a": read_se_e2_a,
    "se_a": read_se_e2_a,
    "se_e2_r": read_se_e2_r,
    "se_r": read_se_e2_r,
    "se_e3": read_se_e3,
    "se_at": read_se_e3,
    "se_a_3be": read_se_e3,
    "se_atten": read_se_atten,
    "dpa1": read_se_atten,
    "se_atten_v2": read_se_atten_v2,
    "loc_frame": read_loc_frame,
    "se_a_mask": read_se_a_mask,
    "hybrid": _read_hybrid,
}

WRITERS: dict[type[Descriptor], Callable[[Any, list[str]], dict[str, Any]]] = {
    SeE2A: write_se_e2_a,
    SeE2R: write_se_e2_r,
    SeE3: write_se_e3,
    SeAtten: write_se_atten,
    LocFrame: write_loc_frame,
    SeAMask: write_se_a_mask,
    Hybrid: _write_hybrid,
}
