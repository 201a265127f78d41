"""Physics tests of potentials with type embedding."""

from __future__ import annotations

import pytest

from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from halves import mostly_slow
from potential.physics import PotentialPhysics
from potential.randommodels import random_model

SE_A = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [5, 6], "neuron": [4, 8], "axis_neuron": 3}
ATTEN = {
    "type": "se_atten",
    "rcut": 3.4,
    "rcut_smth": 1.2,
    "sel": 12,
    "neuron": [4, 8],
    "axis_neuron": 3,
    "tebd_dim": 3,
    "attn": 5,
    "attn_layer": 0,
}
FADING = {"tebd_input_mode": "strip", "smooth_type_embedding": True, "set_davg_zero": False}

MODELS = {
    "se_e2_a": {"descriptor": SE_A, "type_embedding": {"neuron": [2, 4], "resnet_dt": True}},
    "se_e2_a_one_side": {
        "type_map": ["O", "H", "C"],
        "descriptor": SE_A | {"sel": [9, 8, 7], "type_one_side": True},
        "type_embedding": {"neuron": [3], "use_econf_tebd": True, "use_tebd_bias": True},
    },
    "se_a_ebd_v2": {
        "descriptor": SE_A | {"type": "se_a_ebd_v2", "type_one_side": True, "exclude_types": [[0, 1]]},
        "type_embedding": {"neuron": [3]},
    },
    "se_a_tpe_v2": {
        "type_map": ["O", "H", "C"],
        "descriptor": SE_A | {"type": "se_a_tpe_v2", "sel": [9, 8, 7]},
        "type_embedding": {"neuron": [3], "activation_function": None},
    },
    "concat": {"descriptor": ATTEN | {"concat_output_tebd": False}},
    "strip": {"descriptor": ATTEN | {"tebd_input_mode": "strip", "type_one_side": True, "resnet_dt": True}},
    "fading": {"descriptor": ATTEN | FADING | {"exclude_types": [[0, 0]], "env_protection": 0.1}},
    "v2": {
        "type_map": ["O", "H", "C"],
        "descriptor": ATTEN | {"type": "se_atten_v2", "set_davg_zero": False, "type_one_side": True},
        "fitting_net": {"neuron": [8, 8], "numb_fparam": 2, "numb_aparam": 1},
    },
    "attention": {"descriptor": ATTEN | {"attn_layer": 2, "smooth_type_embedding": True}},
    "attention_fading": {"descriptor": ATTEN | FADING | {"attn_layer": 1, "normalize": False, "type_one_side": True}},
    "hybrid": {
        "descriptor": {
            "type": "hybrid",
            "list": [
                SE_A | {"type_one_side": True, "rcut": 2.6},
                ATTEN | {"attn_layer": 1, "smooth_type_embedding": True},
                ATTEN | FADING | {"rcut": 3.0},
            ],
        }
    },
}


def config_of(name: str) -> ModelConfig:
    return ModelConfig.model_validate({"type_map": ["O", "H"], "fitting_net": {"neuron": [8, 8]}, **MODELS[name]})


class TestTypedPotentials(PotentialPhysics):
    @pytest.fixture(params=mostly_slow(MODELS, fast=("se_e2_a", "strip", "attention")))
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        return random_model(config_of(request.param))


@pytest.mark.slow
class TestConvertedTypedPotentials(PotentialPhysics):
    """DeePMD-kit's rule for neighbours, with enough slots for all of them.

    No excluded pairs: by this rule an excluded neighbour takes a slot without a contribution, while an empty slot has
    one, so that energies jump at the cutoff.
    """

    @pytest.fixture(params=["fading", "attention"])
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        keys = {**MODELS[request.param], "type_map": ["O", "H"]}
        keys["descriptor"] = keys["descriptor"] | {"sel": 60, "exclude_types": []}
        return random_model(ModelConfig.model_validate(keys), fixed_slots=True)
