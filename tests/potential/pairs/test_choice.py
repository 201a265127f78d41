"""Models give equal results with the compiled library and without it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from deepaw.native.library import find_library
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.pairs.choice import make_operator
from deepaw.potential.pairs.compiled import CompiledPairOperator
from deepaw.potential.pairs.reference import TorchPairOperator
from deepaw.potential.training.batch import make_batch
from deepaw.potential.training.kernels import training_kernels
from deepaw.potential.training.step import predict
from deepaw.potential.training.tensor_step import predict_tensors
from potential import test_physics, test_physics_typed, test_tensor_physics
from potential.pairs.operators import Case, form_of, random_like
from potential.randommodels import random_model, random_tensor_model
from potential.structures import Structure, crowd, data_frame, evaluate

SE_A, FITTING = test_physics.SE_A, test_physics.FITTING
FRAMES = [crowd(2), crowd(2, 5, 1, periodic=False), crowd(2, 6, 2)]

MODELS: dict[str, dict[str, Any]] = {
    **{name: test_physics.MODELS[name] for name in ("one_side", "radial", "hybrid", "excluded")},
    "pairs": {"descriptor": SE_A},
    "type_embedding": test_physics_typed.MODELS["se_e2_a"],
    **{name: test_physics_typed.MODELS[name] for name in ("concat", "strip", "fading")},
    "dipole": test_tensor_physics.MODELS["dipole"],
    "polar": test_tensor_physics.MODELS["polar_full_hybrid"],
}
RELATIVE = {"float64": 1e-12, "float32": 1e-5}


def model_of(name: str, precision: str, fixed_slots: bool) -> PotentialModel | TensorModel:
    keys: dict[str, Any] = {"type_map": ["O", "H"], "fitting_net": FITTING, **MODELS[name]}
    descriptor = keys["descriptor"]
    if "list" in descriptor:
        parts = [part | {"precision": precision} for part in descriptor["list"]]
        keys["descriptor"] = descriptor | {"list": parts}
    else:
        keys["descriptor"] = descriptor | {"precision": precision}
    keys["fitting_net"] = keys["fitting_net"] | {"precision": precision}
    if "type_embedding" in keys:
        keys["type_embedding"] = keys["type_embedding"] | {"precision": precision}
    config = ModelConfig.model_validate(keys)
    if config.fitting_net.type == "ener":
        return random_model(config, fixed_slots=fixed_slots)
    return random_tensor_model(config, fixed_slots=fixed_slots)


def evaluation(model: PotentialModel | TensorModel, structure: Structure, precision: str) -> list[Tensor]:
    if isinstance(model, TensorModel):
        weights = random_like((2, len(structure.types), *model.shape)).numpy()
        engine = TensorEngine(model, precision)
        values = evaluate(engine, structure, weights=weights, atomic_virial=True)
        names = ["atom_tensor", "force", "virial", "atom_virial"]
    else:
        values = evaluate(PotentialEngine(model, precision), structure, atomic_virial=True)
        names = ["energy", "force", "virial", "atom_energy", "atom_virial"]
    return [getattr(values, name) for name in names]


def training_step(model: PotentialModel | TensorModel) -> list[Tensor]:
    """Compute predictions of a batch, and the gradient of their sum of squares in all weights."""
    kernels = training_kernels(model, 1.0)
    batch = make_batch(model, kernels, [data_frame(structure) for structure in FRAMES])
    restore = torch.argsort(batch.atoms)
    if isinstance(model, TensorModel):
        predictions = [predict_tensors(model, batch, kernels)[restore]]
    else:
        actual = predict(model, batch, kernels, virial=True)
        assert actual.virial is not None
        predictions = [actual.energy, actual.force[restore], actual.virial, actual.atom_energy[restore]]
    loss = torch.stack([value.double().square().sum() for value in predictions]).sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return [*(value.detach() for value in predictions), torch.cat([gradient.reshape(-1) for gradient in gradients])]


def assert_near(actual: list[Tensor], expected: list[Tensor], relative: float) -> None:
    for value, other in zip(actual, expected, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(value, other, rtol=0, atol=relative * float(other.abs().max()))


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Context without the compiled library."""
    if find_library() is None:
        pytest.skip("the compiled library was not built")
    return monkeypatch


def leave_out(patch: pytest.MonkeyPatch) -> None:
    for module in ("pairs.choice", "pairs.forces", "neighbours.celllist"):
        patch.setattr(f"deepaw.potential.{module}.find_library", lambda: None)


@pytest.mark.parametrize("precision", RELATIVE)
@pytest.mark.parametrize("fixed_slots", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_evaluation(name: str, fixed_slots: bool, precision: str, without_library: pytest.MonkeyPatch) -> None:
    model = model_of(name, "float64", fixed_slots)
    for structure in FRAMES:
        actual = evaluation(model, structure, precision)
        with without_library.context() as patch:
            leave_out(patch)
            expected = evaluation(model, structure, precision)
        assert_near(actual, expected, RELATIVE[precision])


@pytest.mark.parametrize("precision", RELATIVE)
@pytest.mark.parametrize("fixed_slots", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_one_step_of_training(
    name: str, fixed_slots: bool, precision: str, without_library: pytest.MonkeyPatch
) -> None:
    model = model_of(name, precision, fixed_slots)
    actual = training_step(model)
    with without_library.context() as patch:
        leave_out(patch)
        expected = training_step(model)
    assert_near(actual, expected, RELATIVE[precision])


def test_the_operator_for_numbers_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    form = form_of(Case())
    for dtype in (torch.float64, torch.float32):
        operator = make_operator(form, dtype)
        assert isinstance(operator, TorchPairOperator if find_library() is None else CompiledPairOperator)
        assert operator.dtype == dtype
        assert isinstance(make_operator(form, dtype, torch.device("cuda")), TorchPairOperator)
    assert isinstance(make_operator(form, torch.bfloat16), TorchPairOperator)
    monkeypatch.setattr("deepaw.potential.pairs.choice.find_library", lambda: None)
    assert isinstance(make_operator(form, torch.float64), TorchPairOperator)
