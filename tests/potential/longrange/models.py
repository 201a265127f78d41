"""Potentials with electrostatics for tests."""

from __future__ import annotations

from typing import Any

import torch

from deepaw.potential.longrange.config import DipoleChargeConfig
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.shortrange.table import PairTable
from potential.randommodels import random_model

DESCRIPTOR: dict[str, Any] = {
    "type": "se_e2_a",
    "rcut": 3.4,
    "rcut_smth": 1.2,
    "sel": [5, 6],
    "neuron": [4, 8],
    "axis_neuron": 3,
    "type_one_side": True,
}
MODIFIER: dict[str, Any] = {
    "type": "dipole_charge",
    "model_name": "dipole.safetensors",
    "model_charge_map": [-8.0],
    "sys_charge_map": [6.0, 1.0],
    "ewald_beta": 0.6,
    "ewald_h": 0.45,
}


def dipole_model(seed: int = 5, **fitting: Any) -> TensorModel:
    """Return a model of the dipoles of O atoms, some 0.1 A long, with random weights."""
    section = {"type": "dipole", "neuron": [6, 6], "sel_type": [0], **fitting}
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": section})
    generator = torch.Generator().manual_seed(seed)
    model = TensorModel(config, generator=generator)
    for part in model.descriptor.parts:
        davg, dstd = torch.zeros_like(part.davg), torch.full_like(part.dstd, 0.3)
        davg[:, 0] = 0.15
        part.with_statistics(davg, dstd)
    return model


def charges(**changes: Any) -> DipoleCharge:
    config = DipoleChargeConfig.model_validate(MODIFIER | changes)
    return DipoleCharge(config, dipole_model(), ("O", "H"))


def long_range_model(table: PairTable | None = None, **more: Any) -> PotentialModel:
    """Return a potential with electrostatics, and with a short-range table if given."""
    content = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {"neuron": [8, 8]}}
    config = ModelConfig.model_validate(content | {"modifier": MODIFIER} | more)
    return random_model(config, table=table, modifier=charges())
