"""Physics tests of potentials with each descriptor of types by slots."""

from __future__ import annotations

import pytest

from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from halves import mostly_slow
from potential.physics import PotentialPhysics
from potential.randommodels import random_model

SE_A = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [5, 6], "neuron": [4, 8], "axis_neuron": 3}
ONE_SIDE = SE_A | {"type_one_side": True}
SE_R = {"type": "se_e2_r", "rcut": 3.6, "rcut_smth": 0.8, "sel": [8, 8], "neuron": [4, 8], "type_one_side": True}
SE_T = {"type": "se_e3", "rcut": 3.2, "rcut_smth": 1.0, "sel": [8, 7], "neuron": [4, 8]}
FITTING = {"neuron": [8, 8]}

MODELS = {
    "one_side": {"descriptor": ONE_SIDE},
    "two_sides_resnet_dt": {
        "type_map": ["O", "H", "C"],
        "descriptor": SE_A | {"sel": [9, 8, 7], "resnet_dt": True, "activation_function": "gelu"},
    },
    "radial": {"descriptor": SE_R},
    "triples": {"descriptor": SE_T | {"resnet_dt": True}},
    "triples_beside_pairs": {
        "descriptor": {"type": "hybrid", "list": [SE_T | {"exclude_types": [[1, 1]]}, ONE_SIDE]},
    },
    "hybrid": {"descriptor": {"type": "hybrid", "list": [ONE_SIDE, SE_R, SE_A | {"rcut": 2.5, "set_davg_zero": True}]}},
    "excluded": {
        "descriptor": ONE_SIDE | {"exclude_types": [[0, 0]], "env_protection": 0.1},
        "pair_exclude_types": [[1, 1]],
    },
    "parameters": {"descriptor": ONE_SIDE, "fitting_net": FITTING | {"numb_fparam": 2, "numb_aparam": 1}},
}


def config_of(name: str) -> ModelConfig:
    return ModelConfig.model_validate({"type_map": ["O", "H"], "fitting_net": FITTING, **MODELS[name]})


class TestPotentials(PotentialPhysics):
    @pytest.fixture(params=mostly_slow(MODELS, fast=("one_side", "triples", "parameters")))
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        return random_model(config_of(request.param))


@pytest.mark.slow
class TestByTheEquations(PotentialPhysics):
    """Training and evaluation of descriptors without a spectral form, alone and in a hybrid with one that has it."""

    @pytest.fixture(params=["one_side", "hybrid", "excluded"])
    def model(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PotentialModel:
        monkeypatch.setattr(SeE2A, "is_spectral", False)
        return random_model(config_of(request.param))


@pytest.mark.slow
class TestConvertedPotential(PotentialPhysics):
    """DeePMD-kit's rule for neighbours, with enough slots for all of them."""

    @pytest.fixture
    def model(self) -> PotentialModel:
        config = ModelConfig.model_validate(
            {"type_map": ["O", "H"], "descriptor": ONE_SIDE | {"sel": [60, 60]}, "fitting_net": FITTING}
        )
        return random_model(config, fixed_slots=True)
