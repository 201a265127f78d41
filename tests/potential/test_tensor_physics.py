"""Physics tests of tensor models."""

from __future__ import annotations

import pytest

from deepaw.errors import InputError
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.tensor import TensorModel
from halves import mostly_slow
from potential.randommodels import random_tensor_model
from potential.tensor_physics import TensorPhysics

SE_A = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [5, 6], "neuron": [4, 8], "axis_neuron": 3}
ONE_SIDE = SE_A | {"type_one_side": True}
SE_R = {"type": "se_e2_r", "rcut": 3.6, "rcut_smth": 0.8, "sel": [8, 8], "neuron": [4, 8]}
DIPOLE = {"type": "dipole", "neuron": [8, 8]}
POLAR = {"type": "polar", "neuron": [8, 8]}

MODELS = {
    "dipole": {"descriptor": ONE_SIDE, "fitting_net": DIPOLE},
    "dipole_selected": {
        "type_map": ["O", "H", "C"],
        "descriptor": SE_A | {"sel": [9, 8, 7], "resnet_dt": True, "activation_function": "gelu"},
        "fitting_net": DIPOLE | {"sel_type": [0, 2]},
    },
    "dipole_hybrid": {
        "descriptor": {"type": "hybrid", "list": [SE_R, ONE_SIDE, SE_A | {"rcut": 2.5, "neuron": [3, 6]}]},
        "fitting_net": DIPOLE,
    },
    "dipole_parameters": {"descriptor": ONE_SIDE, "fitting_net": DIPOLE | {"numb_fparam": 2, "numb_aparam": 1}},
    "dipole_without_hidden_layers": {"descriptor": ONE_SIDE, "fitting_net": DIPOLE | {"neuron": []}},
    "polar": {"descriptor": ONE_SIDE, "fitting_net": POLAR | {"scale": [0.5, 2.0]}},
    "polar_full": {"descriptor": ONE_SIDE, "fitting_net": POLAR | {"fit_diag": False, "shift_diag": False}},
    "polar_full_hybrid": {
        "descriptor": {"type": "hybrid", "list": [ONE_SIDE, SE_A | {"rcut": 2.5, "neuron": [3, 6]}]},
        "fitting_net": POLAR | {"fit_diag": False, "sel_type": [1]},
    },
    "excluded": {
        "descriptor": ONE_SIDE | {"exclude_types": [[0, 0]], "env_protection": 0.1},
        "pair_exclude_types": [[1, 1]],
        "fitting_net": POLAR,
    },
}


def config_of(name: str) -> ModelConfig:
    return ModelConfig.model_validate({"type_map": ["O", "H"], **MODELS[name]})


class TestTensors(TensorPhysics):
    @pytest.fixture(params=mostly_slow(MODELS, fast=("dipole", "polar_full")))
    def model(self, request: pytest.FixtureRequest) -> TensorModel:
        return random_tensor_model(config_of(request.param))


@pytest.mark.slow
class TestConvertedTensors(TensorPhysics):
    """DeePMD-kit's rule for neighbours, with enough slots for all of them."""

    @pytest.fixture
    def model(self) -> TensorModel:
        config = {"type_map": ["O", "H"], "descriptor": ONE_SIDE | {"sel": [60, 60]}, "fitting_net": DIPOLE}
        return random_tensor_model(ModelConfig.model_validate(config), fixed_slots=True)


def test_a_descriptor_without_vectors_is_refused() -> None:
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": SE_R, "fitting_net": DIPOLE})
    with pytest.raises(InputError, match="has no vectors, which a fitting net of dipole needs; use se_e2_a"):
        TensorModel(config)


@pytest.mark.parametrize(
    ("fitting", "message"),
    [
        (DIPOLE | {"sel_type": [2]}, r"sel_type is \[2\]; it should list types from 0 to 1"),
        (DIPOLE | {"sel_type": []}, r"sel_type is \[\]; it should list types from 0 to 1"),
        (POLAR | {"scale": [1.0]}, "scale has 1 entries; it should have one for each of the 2 types"),
    ],
)
def test_lists_by_type_fit_the_types(fitting: dict, message: str) -> None:
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": ONE_SIDE, "fitting_net": fitting})
    with pytest.raises(InputError, match=message):
        TensorModel(config)
