"""Written passes against automatic differentiation of the same model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from deepaw.potential.descriptor.contraction import ContractionPasses, FoldedSeE2APasses, SeE2APasses, SeE2RPasses
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.batch import Batch, make_batch
from deepaw.potential.training.firstlayer import find_contraction
from deepaw.potential.training.kernels import training_kernels
from deepaw.potential.training.passes import PassesCache, has_written_passes
from deepaw.potential.training.step import predict
from potential.randommodels import random_model
from potential.structures import crowd, data_frame
from potential.test_physics import SE_A, SE_R

FRAMES = [crowd(2), crowd(2, 4, 1, periodic=False), crowd(2, 30, 2, periodic=False)]
ONE_TYPE = crowd(1, 5, 3, periodic=False)

CASES: dict[str, dict[str, Any]] = {
    "angles": {"descriptor": SE_A},
    "distances": {"descriptor": SE_R},
    "both, with parameters": {
        "descriptor": {"type": "hybrid", "list": [SE_A, SE_R]},
        "fitting_net": {"neuron": [6, 12], "numb_fparam": 1, "numb_aparam": 2},
    },
    "doubling, without timestep": {
        "descriptor": SE_A | {"type_one_side": False, "resnet_dt": True},
        "fitting_net": {"neuron": [8, 16, 16], "resnet_dt": False, "activation_function": "gelu"},
    },
    "energies of single atoms": {"descriptor": SE_A, "fitting_net": {"neuron": [6], "atom_ener": [-1.0, None]}},
    "a type without energy": {"descriptor": SE_A, "atom_exclude_types": [1]},
}


def model(case: str, precision: str = "float64") -> PotentialModel:
    keys = {"type_map": ["O", "H"], "fitting_net": {"neuron": [6, 6]}} | CASES[case]
    descriptor = keys["descriptor"]
    parts = [part | {"precision": precision} for part in descriptor.get("list", [descriptor])]
    keys["descriptor"] = descriptor | {"list": parts} if "list" in descriptor else parts[0]
    keys["fitting_net"] = keys["fitting_net"] | {"precision": precision}
    return random_model(ModelConfig.model_validate(keys))


def batch(potential: PotentialModel, frames: list) -> Batch:
    return make_batch(potential, training_kernels(potential, 0.8), [data_frame(structure) for structure in frames])


def results(potential: PotentialModel, frames: list) -> list[torch.Tensor]:
    """Return predictions, and the gradients of a loss with respect to all weights."""
    kernels, joined_batch = training_kernels(potential, 0.8), batch(potential, frames)
    config, random = potential.fitting.config, np.random.default_rng(1)
    parameters = {
        name: torch.from_numpy(random.normal(size=(len(joined_batch.atoms), count))) if count else None
        for name, count in (("fparam", config.numb_fparam), ("aparam", config.numb_aparam))
    }
    prediction = predict(potential, joined_batch, kernels, virial=True, **parameters)
    assert prediction.virial is not None
    loss = prediction.atom_energy.pow(3).sum() + prediction.force.square().sum() + prediction.virial.square().sum()
    weights = list(potential.parameters())
    derivatives = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
    return [
        values.detach()
        for values in (prediction.energy, prediction.atom_energy, prediction.force, prediction.virial, *derivatives)
    ]


@pytest.fixture(params=["as it pays", "folded"])
def folding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run with the default choice of contractions, and with folded contractions wherever possible."""
    if request.param == "folded":

        def fold(part: PairwiseDescriptor, polynomials: int, natoms: int) -> type[ContractionPasses]:
            contraction = find_contraction(part, polynomials, natoms)
            return FoldedSeE2APasses if contraction is SeE2APasses else contraction

        monkeypatch.setattr("deepaw.potential.training.passes.find_contraction", fold)


@pytest.mark.usefixtures("folding")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("frames", [FRAMES, FRAMES[:1], [ONE_TYPE]], ids=["three", "one", "one type"])
@pytest.mark.parametrize("case", CASES)
def test_predictions_and_gradients(case: str, frames: list, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    potential = model(case)
    assert has_written_passes(potential, training_kernels(potential, 0.8))
    with monkeypatch.context() as plain:
        plain.setattr("deepaw.potential.training.step.has_written_passes", lambda model, kernels: False)
        plain.setattr("deepaw.potential.fitting.energy.has_passes", lambda net: False)
        expected_values = results(potential, frames)
    monkeypatch.setattr("deepaw.potential.training.shares.SMALLEST_SHARE", 2)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        values = results(potential, frames)
    finally:
        torch.set_num_threads(threads_before)
    for value, expected_value in zip(values, expected_values, strict=True):
        torch.testing.assert_close(
            value, expected_value, rtol=1e-9, atol=1e-9 * float(expected_value.abs().max()) + 1e-12
        )


def test_first_layers_read_moments_where_there_are_fewer_of_them() -> None:
    part = model("angles").descriptor.parts[0]
    assert isinstance(part, PairwiseDescriptor)
    outputs = part.config.neuron[-1]
    assert find_contraction(part, outputs - 1, 10**6) is FoldedSeE2APasses
    assert find_contraction(part, outputs - 1, 1) is SeE2APasses
    assert find_contraction(part, outputs, 10**6) is SeE2APasses
    radial = model("distances").descriptor.parts[0]
    assert isinstance(radial, PairwiseDescriptor)
    assert find_contraction(radial, 1, 10**6) is SeE2RPasses


def test_passes_that_ran_again_give_no_old_gradient() -> None:
    potential = model("angles")
    kernels, joined_batch = training_kernels(potential, 0.8), batch(potential, FRAMES)
    cache = PassesCache(potential, kernels)
    prediction = predict(potential, joined_batch, kernels, cache=cache)
    predict(potential, joined_batch, kernels, cache=cache)
    with pytest.raises(RuntimeError, match="run again"):
        prediction.energy.sum().backward()


def test_memory_is_kept_for_few_atoms(monkeypatch: pytest.MonkeyPatch) -> None:
    potential = model("angles")
    cache = PassesCache(potential, training_kernels(potential, 0.8))
    one, three = batch(potential, FRAMES[:1]), batch(potential, FRAMES)
    first = cache.get(one)
    cache.get(three)
    assert cache.get(one) is first
    monkeypatch.setattr("deepaw.potential.training.passes.CACHED_ATOMS", len(three.atoms))
    last = cache.get(three)
    assert cache.get(three) is last and cache.get(one) is not first


@pytest.mark.usefixtures("folding")
@pytest.mark.parametrize("case", ["angles", "both, with parameters"])
def test_single_precision_is_near_double(case: str) -> None:
    double, single = model(case), model(case, "float32")
    single.load_state_dict(double.state_dict())
    for values, expected in zip(results(single, FRAMES), results(double, FRAMES), strict=True):
        assert float((values.double() - expected).abs().max()) < 1e-3 * float(expected.abs().max()) + 1e-6


def test_networks_that_are_not_trained() -> None:
    potential = model("angles")
    potential.fitting.requires_grad_(False)
    kernels, joined_batch = training_kernels(potential, 0.8), batch(potential, FRAMES)
    weight = potential.descriptor.parts[0].nets.layers[0].w
    prediction = predict(potential, joined_batch, kernels)
    (derivative,) = torch.autograd.grad(prediction.force.square().sum(), weight)
    potential.fitting.requires_grad_()
    (trained,) = torch.autograd.grad(predict(potential, joined_batch, kernels).force.square().sum(), weight)
    torch.testing.assert_close(derivative, trained)
    potential.descriptor.requires_grad_(False)
    outer = potential.fitting.nets[0].layers[0].w
    (derivative,) = torch.autograd.grad(predict(potential, joined_batch, kernels).force.square().sum(), outer)
    potential.descriptor.requires_grad_()
    (trained,) = torch.autograd.grad(predict(potential, joined_batch, kernels).force.square().sum(), outer)
    torch.testing.assert_close(derivative, trained)


@pytest.mark.parametrize(
    "keys",
    [
        {"descriptor": SE_A, "fitting_net": {"neuron": [6], "activation_function": "relu"}},
        {"descriptor": SE_A, "fitting_net": {"neuron": [6], "precision": "float32"}},
        {"descriptor": SE_A | {"activation_function": "relu"}},
        {"descriptor": SE_A, "type_embedding": {"neuron": [4]}},
    ],
)
def test_other_models_are_differentiated(keys: dict[str, Any]) -> None:
    potential = random_model(ModelConfig.model_validate({"type_map": ["O", "H"]} | keys))
    assert not has_written_passes(potential, training_kernels(potential, 0.8))
    assert all(values.isfinite().all() for values in results(potential, FRAMES))
