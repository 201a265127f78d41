"""Training by the equations gives what training in the spectral form gives."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from deepaw.potential.descriptor.differentiated import DifferentiatedForm, PairVectors
from deepaw.potential.descriptor.pairform import PairForm
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.batch import frame_geometry, make_batch
from deepaw.potential.training.step import Prediction, predict
from potential.randommodels import random_model
from potential.structures import crowd
from potential.test_physics import SE_A, SE_R

FRAMES = [crowd(2), crowd(2, 4, 1, periodic=False), crowd(2, 30, 2, periodic=False)]


def model(activation: str = "tanh", fixed_slots: bool = False) -> PotentialModel:
    parts = [SE_A | {"activation_function": activation, "sel": [2, 3], "rcut": 3.0}, SE_R]
    keys = {
        "type_map": ["O", "H"],
        "descriptor": {"type": "hybrid", "list": parts},
        "fitting_net": {"neuron": [6, 6]},
    }
    return random_model(ModelConfig.model_validate(keys), fixed_slots=fixed_slots)


def prediction(potential: PotentialModel, forms: list) -> Prediction:
    frames = [frame_geometry(potential, forms, each.types, each.coord, each.cell) for each in FRAMES]
    return predict(potential, make_batch(frames), forms, virial=True)


def gradients(potential: PotentialModel, found: Prediction) -> torch.Tensor:
    assert found.virial is not None
    loss = found.energy.square().sum() + found.force.square().sum() + found.virial.square().sum()
    return torch.cat([each.reshape(-1) for each in torch.autograd.grad(loss, list(potential.parameters()))])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_predictions_and_gradients_are_those_of_the_spectral_form(
    threads: int, fixed_slots: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepaw.potential.training.shares.SMALLEST_SHARE", 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    potential = model(fixed_slots=fixed_slots)
    spectral = [part.form(0.8, 96) for part in potential.descriptor.parts]
    assert all(isinstance(form, PairForm) for form in spectral)
    expected = prediction(potential, spectral)
    for forms in ([DifferentiatedForm()] * 2, [DifferentiatedForm(), spectral[1]], [spectral[0], DifferentiatedForm()]):
        found = prediction(potential, forms)
        for name in ("energy", "atom_energy", "force", "virial"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(
            gradients(potential, found), gradients(potential, prediction(potential, spectral)), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("activation", ["relu", "relu6", "silut:2.0"])
def test_embeddings_with_kinks_train_on_what_is_evaluated(activation: str) -> None:
    potential = model(activation)
    forms = [part.form(0.8, 32) for part in potential.descriptor.parts]
    assert isinstance(forms[0], DifferentiatedForm)
    forms[1] = DifferentiatedForm()
    found = prediction(potential, forms)
    for number, (frame, first) in enumerate(zip(FRAMES, (0, 7, 11), strict=True)):
        env = find_environment(frame.coord, frame.cell, frame.types, potential.rcut)
        torch.testing.assert_close(found.energy[number].detach(), evaluate_exactly(potential, env).energy)
        assert first + len(frame.types) <= len(found.force)


def test_shares_are_the_whole() -> None:
    potential = model()
    part = potential.descriptor.parts[0]
    structure = FRAMES[2]
    env = find_environment(structure.coord, structure.cell, structure.types, potential.rcut)
    geometry = DifferentiatedForm().prepare(part, env)
    assert isinstance(geometry, PairVectors) and geometry.nbytes > geometry.vector.nbytes
    edges = [0, 3, 4, 17, 30]
    shares = [geometry.share(first, last) for first, last in pairwise(edges)]
    rows = [part(share.environment(share.vector))[: share.natoms] for share in shares]
    torch.testing.assert_close(torch.cat(rows), part(env))
    assert [share.natoms for share in shares] == [3, 1, 13, 13]
