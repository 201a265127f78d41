"""Training with attention: pieces that are recomputed in the backward pass, and hybrids with other descriptors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from deepaw.infer import DeepPot
from deepaw.potential.descriptor.equations import EquationKernel
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.batch import Batch, make_batch
from deepaw.potential.training.shares import split_ranges
from deepaw.potential.training.step import predict
from potential.randommodels import random_model
from potential.structures import crowd, data_frame
from potential.test_physics_typed import ATTEN, config_of
from potential.trainings import DESCRIPTOR, curve, settings, train, write_data


def test_pieces_cover_the_ranges() -> None:
    assert split_ranges([(0, 5), (5, 7)], 3) == [[(0, 3), (3, 5)], [(5, 7)]]


def make_test_batch(model: PotentialModel, kernels: list[TrainingKernel[Any]]) -> Batch:
    structures = [crowd(2), crowd(2, seed=1, periodic=False)]
    return make_batch(model, kernels, [data_frame(structure) for structure in structures])


def gradients(model: PotentialModel, batch: Batch, kernels: list[TrainingKernel[Any]]) -> list[Tensor]:
    """Return energies, forces and virials, and the gradient of the sum of their squares with respect to the weights."""
    prediction = predict(model, batch, kernels, virial=True)
    assert prediction.virial is not None
    values = [prediction.energy, prediction.atom_energy, prediction.force, prediction.virial]
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    grad_weights = torch.autograd.grad(sum(value.square().sum() for value in values), weights)  # type: ignore[arg-type]
    return [*(value.detach() for value in values), *grad_weights]


@pytest.mark.parametrize("name", ["attention", "attention_fading", "hybrid"])
@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_give_the_same_gradients(name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(config_of(name))
    kernels = [part.training_kernel(1.0, 40) for part in model.descriptor.parts]
    whole_kernels = [EquationKernel() if isinstance(kernel, EquationKernel) else kernel for kernel in kernels]
    piece_kernels = [EquationKernel(3) if isinstance(kernel, EquationKernel) else kernel for kernel in kernels]
    assert whole_kernels != kernels and whole_kernels != piece_kernels
    batch = make_test_batch(model, kernels)
    expected = gradients(model, batch, whole_kernels)
    monkeypatch.setattr("deepaw.potential.training.shares.SMALLEST_SHARE", 5)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        values = gradients(model, batch, piece_kernels)
    finally:
        torch.set_num_threads(threads_before)
    for value, expected_value in zip(values, expected, strict=True):
        torch.testing.assert_close(value, expected_value, rtol=1e-9, atol=1e-9 * float(expected_value.abs().max()))


def test_a_validation_needs_no_graph() -> None:
    model = random_model(config_of("attention"))
    kernels = [part.training_kernel(1.0, 40) for part in model.descriptor.parts]
    with torch.no_grad():
        prediction = predict(model, make_test_batch(model, kernels), kernels)
    assert not prediction.force.requires_grad and prediction.force.abs().max() > 0


ATTENTION: dict[str, Any] = ATTEN | {"attn_layer": 1, "smooth_type_embedding": True, "sel": "auto"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:sel is")
def test_trains_beside_another_descriptor(tmp_path: Path) -> None:
    write_data(tmp_path)
    model = {
        "type_map": ["O", "H"],
        "descriptor": {"type": "hybrid", "list": [DESCRIPTOR, ATTENTION | {"attn_mask": False}]},
        "fitting_net": {"neuron": [10, 10]},
    }
    sections = {"loss": {"start_pref_f": 10.0, "limit_pref_f": 10.0}, "training": {"numb_steps": 20, "disp_freq": 1}}
    frozen = train(settings(tmp_path, model=model, **sections), tmp_path, tmp_path / "run")
    losses = curve(tmp_path / "run")
    assert np.isfinite(losses).all()
    data = tmp_path / "valid"
    coord, cell = (np.load(data / "set.000" / f"{array}.npy") for array in ("coord", "box"))
    types = np.loadtxt(data / "type.raw", dtype=int)
    exact = DeepPot(tmp_path / "run" / "frozen_model.safetensors", "exact").eval(coord, cell, types)
    for values, expected in zip(DeepPot(frozen).eval(coord, cell, types), exact, strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
