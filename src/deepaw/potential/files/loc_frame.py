"""`loc_frame` in the layout of DeePMD-kit's files. DeePMD-kit itself has it only in TensorFlow files."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepaw.potential.descriptor.loc_frame import LocFrame, LocFrameConfig
from deepaw.potential.files.component import DescriptorPart
from deepaw.potential.files.fields import Fields

VERSION = 1

KEYS = ("sel_a", "sel_r", "rcut", "axis_rule")


def read_loc_frame(fields: Fields, type_map: list[str]) -> DescriptorPart:
    """Read the descriptor of local frames."""
    fields.check_version(VERSION)
    fields.expect("type_map", None, type_map)
    config = fields.section(LocFrameConfig, {"type": "loc_frame", **fields.take_present(KEYS)})
    ntypes = len(type_map)
    try:
        config.check_types(ntypes)
    except ValueError as error:
        raise fields.error(f"is not supported: {error}") from None
    width = 4 * sum(config.sel_a) + sum(config.sel_r)
    davg, dstd = (fields.array(name, (ntypes, width)) for name in ("davg", "dstd"))
    if (dstd == 0).any():
        raise fields.error("holds zeros, which rows would be divided by", "@variables.dstd")
    fields.finish()

    def load(module: nn.Module) -> None:
        assert isinstance(module, LocFrame)
        module.davg.copy_(torch.from_numpy(davg))
        module.dstd.copy_(torch.from_numpy(dstd))

    return DescriptorPart(config, load, width)


def write_loc_frame(module: LocFrame, type_map: list[str]) -> dict[str, Any]:
    """Return the object of the descriptor in a file."""
    return {
        "@class": "Descriptor",
        "@version": VERSION,
        **module.config.model_dump(mode="json", include={"type", *KEYS}),
        "type_map": type_map,
        "@variables": {name: getattr(module, name).cpu().numpy() for name in ("davg", "dstd")},
    }
