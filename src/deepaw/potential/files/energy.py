"""Fitting nets of energies (`ener`) in DeePMD-kit's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepaw.potential.descriptor.se_a_mask import SeAMaskConfig
from deepaw.potential.files.component import DescriptorPart, FittingPart
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.nets import read_nets, write_nets
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.model.energy import PotentialModel

VERSION = 4


def read_energy(fields: Fields, type_map: list[str], descriptor: DescriptorPart, model: dict[str, Any]) -> FittingPart:
    """Read the fitting nets of atomic energies; model: section `model` as far as it is known."""
    fields.check_version(VERSION)
    ntypes = len(type_map)
    fields.expect("var_name", "energy")
    fields.expect("dim_out", 1)
    section: dict[str, Any] = {"type": "ener", "atom_ener": _atom_ener(fields, ntypes)}
    if isinstance(descriptor.config, SeAMaskConfig):
        fields.expect("use_aparam_as_mask", True)
        section["use_aparam_as_mask"] = True
    nets = read_nets(fields, type_map, descriptor.width, 1, EnergyFittingConfig, section)
    bias = fields.optional_array("bias_atom_e")
    bias = np.zeros(ntypes) if bias is None else bias.reshape(-1)
    if bias.size != ntypes:
        raise fields.error(f"has {bias.size} values; it should have one for each of the {ntypes} types",
                           "@variables.bias_atom_e")  # fmt: skip
    if descriptor.shares_nets and not set(nets.excluded) <= set(model.get("atom_exclude_types") or ()):
        raise fields.error(f"is {nets.excluded}, which is not supported for a net of all types", "exclude_types")
    bias[nets.excluded] = 0
    fields.finish()

    def load(potential: PotentialModel, out_bias: np.ndarray) -> None:
        nets.load(potential.fitting)
        potential.bias.copy_(torch.from_numpy(out_bias[:, 0] + bias))

    return FittingPart(nets.config, load, 1)


def _atom_ener(fields: Fields, ntypes: int) -> list[float | None]:
    """Read `atom_ener`, with one entry for each type, or empty."""
    values = fields.take("atom_ener", None) or []
    if not isinstance(values, list) or len(values) > ntypes:
        raise fields.error(f"is {values!r}; it should be a list with an energy or null for each type", "atom_ener")
    entries = [entry[0] if isinstance(entry, list) and len(entry) == 1 else entry for entry in values]
    if all(entry is None for entry in entries):
        return []
    # DeePMD-kit takes 0 for types beyond the end of a short list
    return entries + [0.0] * (ntypes - len(entries))


def write_energy(model: PotentialModel, type_map: list[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the object of the fitting net in a file, and `out_bias` (ntypes, 1)."""
    content, variables = write_nets(model.fitting, type_map)
    content |= {
        "type": "ener",
        "@version": VERSION,
        "var_name": "energy",
        "dim_out": 1,
        "atom_ener": list(model.fitting.config.atom_ener),
        "@variables": {"bias_atom_e": np.zeros((len(type_map), 1)), **variables},
    }
    return content, model.bias.cpu().numpy().reshape(-1, 1)
