"""The physics suite for potentials with a table at short range, and what is theirs alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.model import ModelConfig, PotentialModel
from deepaw.potential.shortrange.zbl import zbl_energy, zbl_table
from potential.physics import PotentialPhysics, Structure, crowd, evaluate, random_model, same
from potential.shortrange.tables import smooth_table

DESCRIPTOR = {
    "type": "se_e2_a",
    "rcut": 3.4,
    "rcut_smth": 1.2,
    "sel": [5, 6],
    "neuron": [4, 8],
    "axis_neuron": 3,
    "type_one_side": True,
}
SHORT = {"use_srtab": "table.txt", "sw_rmin": 0.8, "sw_rmax": 1.8, "smin_alpha": 0.08}
MODELS = {
    "plain": {},
    "no_bias": {"srtab_add_bias": False},
    "hybrid_excluded": {
        "descriptor": {"type": "hybrid", "list": [DESCRIPTOR, DESCRIPTOR | {"exclude_types": [[0, 1]], "rcut": 3.0}]},
        "pair_exclude_types": [[1, 1]],
    },
    "equations": {"descriptor": DESCRIPTOR | {"activation_function": "silut:2.0"}},
}


def short_range_model(name: str = "plain", **more: object) -> PotentialModel:
    content = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {"neuron": [8, 8]}, **SHORT}
    config = ModelConfig.model_validate(content | MODELS[name] | more)
    return random_model(config, table=smooth_table(2, config.descriptor.rcut))


class TestShortRange(PotentialPhysics):
    @pytest.fixture(params=["plain", "no_bias", "hybrid_excluded"])
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        return short_range_model(request.param)

    def test_some_atoms_are_mixed(self, model: PotentialModel) -> None:
        weights = [float(weight) for weight in _weights(model, crowd(2))]
        assert sum(0.05 < weight < 0.95 for weight in weights) >= 3


def _weights(model: PotentialModel, structure: Structure) -> torch.Tensor:
    from deepaw.potential.neighbours.pairs import find_environment

    env = find_environment(structure.coord, structure.cell, structure.types, model.rcut)
    return model.interpolation(model.visible(env))[0]
