"""Training by the equations agrees with training in the spectral form."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from deepaw.potential.descriptor.equations import EquationKernel
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.descriptor.moments import MomentKernel
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.neighbours.table import table_of
from deepaw.potential.training.batch import make_batch
from deepaw.potential.training.step import Prediction, predict
from potential.descriptor.test_pairwise import descriptor, environment
from potential.randommodels import random_model
from potential.structures import crowd, data_frame
from potential.test_physics import SE_A, SE_R

Kernels = list[TrainingKernel[Any]]

FRAMES = [crowd(2), crowd(2, 4, 1, periodic=False), crowd(2, 30, 2, periodic=False)]


def model(activation: str = "tanh", fixed_slots: bool = False) -> PotentialModel:
    parts = [SE_A | {"activation_function": activation, "sel": [2, 3], "rcut": 3.0}, SE_R]
    keys = {
        "type_map": ["O", "H"],
        "descriptor": {"type": "hybrid", "list": parts},
        "fitting_net": {"neuron": [6, 6]},
    }
    return random_model(ModelConfig.model_validate(keys), fixed_slots=fixed_slots)


def prediction(potential: PotentialModel, kernels: Kernels) -> Prediction:
    batch = make_batch(potential, kernels, [data_frame(structure) for structure in FRAMES])
    return predict(potential, batch, kernels, virial=True)


def gradients(potential: PotentialModel, actual: Prediction) -> torch.Tensor:
    assert actual.virial is not None
    loss = actual.energy.square().sum() + actual.force.square().sum() + actual.virial.square().sum()
    weights = list(potential.parameters())
    return torch.cat([gradient.reshape(-1) for gradient in torch.autograd.grad(loss, weights)])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fixed_slots", [False, True])
def test_predictions_and_gradients_are_those_of_the_spectral_form(
    threads: int, fixed_slots: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepaw.potential.training.shares.SMALLEST_SHARE", 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    potential = model(fixed_slots=fixed_slots)
    spectral: Kernels = [part.training_kernel(0.8, 96) for part in potential.descriptor.parts]
    assert all(isinstance(kernel, MomentKernel) for kernel in spectral)
    expected = prediction(potential, spectral)
    expected_gradients = gradients(potential, prediction(potential, spectral))
    by_equations = EquationKernel()
    combinations: list[Kernels] = [[by_equations] * 2, [by_equations, spectral[1]], [spectral[0], by_equations]]
    for kernels in combinations:
        actual = prediction(potential, kernels)
        for name in ("energy", "atom_energy", "force", "virial"):
            torch.testing.assert_close(getattr(actual, name), getattr(expected, name), rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(gradients(potential, actual), expected_gradients, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "relu6", "silut:2.0"])
def test_embeddings_with_kinks_train_on_what_is_evaluated(activation: str) -> None:
    potential = model(activation)
    kernels: Kernels = [part.training_kernel(0.8, 32) for part in potential.descriptor.parts]
    assert isinstance(kernels[0], EquationKernel)
    kernels[1] = EquationKernel()
    actual = prediction(potential, kernels)
    for number, frame in enumerate(FRAMES):
        env = find_environment(frame.coord, frame.cell, frame.types, potential.rcut)
        torch.testing.assert_close(actual.energy[number].detach(), evaluate_exactly(potential, env).energy)


@pytest.mark.parametrize("case", ["one_side", "radial", "excluded"])
def test_variables_are_the_vectors_of_pairs(case: str) -> None:
    part, table = descriptor(case, False), table_of(environment(), 2)
    kernel = EquationKernel()
    geometry = kernel.prepare(part, table)
    assert geometry.variables is table.vector
    counts = torch.bincount(table.types).tolist()
    rows = kernel.rows(part, geometry, geometry.variables, counts)
    assert [len(type_rows) for type_rows in rows] == counts
    torch.testing.assert_close(torch.cat(rows), part(environment()))
    gradient = torch.randn(3, len(table.neighbour), dtype=torch.float64)
    assert kernel.grad_vector(geometry, gradient) is gradient
