"""Training with `mixed_precision`: accuracy of gradients, a falling loss, and exact restarts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.input import read_potential_input
from deepaw.potential.training.losses import make_loss
from deepaw.potential.training.objective import Objective
from deepaw.potential.training.processes import Processes
from deepaw.potential.training.setup import prepare_training
from potential.systems import water, write_system
from potential.trainings import CPU, DESCRIPTOR, FITTING, assert_same, curve, latest, settings, train, write_data

UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
SINGLE: dict[str, Any] = {
    "descriptor": {**DESCRIPTOR, "precision": "float32", "neuron": [8, 16]},
    "fitting_net": {"neuron": [20, 20], "precision": "float32"},
}
RADIAL = {"type": "se_e2_r", "rcut": 4.0, "rcut_smth": 1.0, "sel": [12, 24], "neuron": [4, 8], "precision": "float32"}
MODELS: dict[str, dict[str, Any]] = {
    "se_e2_a": {},
    "hybrid": {"descriptor": {"type": "hybrid", "list": [SINGLE["descriptor"], RADIAL]}},
    "with kinks": {"fitting_net": {**SINGLE["fitting_net"], "activation_function": "relu"}},
    "types embedded": {"type_embedding": {"neuron": [2], "precision": "float32"}},
    "local frames": {
        "descriptor": {
            "type": "loc_frame",
            "rcut": 4.0,
            "sel_a": [3, 6],
            "sel_r": [0, 0],
            "axis_rule": [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_data(tmp_path)
    return tmp_path


def mixed(compute: str) -> dict[str, Any]:
    return {"mixed_precision": {"compute_prec": compute}}


@pytest.mark.parametrize("compute", UNIT)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:sel is")
def test_gradients_and_predictions_are_off_by_what_the_type_is(folder: Path, name: str, compute: str) -> None:
    rounded, exact = (_gradients_and_forces(folder, MODELS[name], compute_type) for compute_type in (compute, None))
    for rounded_values, exact_values in zip(rounded, exact, strict=True):
        assert rounded_values.dtype == exact_values.dtype
        assert 0 < (rounded_values - exact_values).norm() < 12 * UNIT[compute] * exact_values.norm()


def _gradients_and_forces(folder: Path, model: dict[str, Any], compute: str | None) -> list[Tensor]:
    training_input = settings(folder, model={**SINGLE, **model})
    setup = prepare_training(training_input, folder, CPU, Processes())
    weights = list(setup.model.parameters())
    dtype = None if compute is None else getattr(torch, compute)
    loss = make_loss(training_input.loss, training_input.model.fitting_net, 0.005)
    objective = Objective(setup.model, setup.kernels, loss, weights, Processes(), dtype)
    indices, frames = [(0, 0), (1, 1)], setup.training.frames
    gradients, _ = objective.gradient(frames, indices, 0.005, torch.zeros(1, dtype=torch.float64))
    predicted = objective._predictions(frames.batch(indices), dtype)
    assert predicted.force is not None and predicted.energy is not None
    return [torch.cat([gradient.flatten() for gradient in gradients]), predicted.force.detach()]


def test_validation_is_in_the_precision_of_the_model(folder: Path) -> None:
    setup = prepare_training(settings(folder, model=SINGLE), folder, CPU, Processes())
    loss = make_loss(setup.settings.loss, setup.settings.model.fitting_net, 0.005)
    plain_objective, mixed_objective = (
        Objective(setup.model, setup.kernels, loss, list(setup.model.parameters()), Processes(), dtype)
        for dtype in (None, torch.bfloat16)
    )
    assert setup.validation is not None
    errors, expected = (
        objective.errors(setup.validation.frames, [(0, 0)], 0.005) for objective in (mixed_objective, plain_objective)
    )
    assert torch.equal(errors.loss, expected.loss)


@pytest.mark.slow
def test_learning(tmp_path: Path) -> None:
    """The loss falls, and errors of validation forces are those of float32 training."""
    write_system(tmp_path / "train", water(30, molecules=2, seed=1, periodic=False))
    write_system(tmp_path / "valid", water(8, molecules=2, seed=3, periodic=False))
    section = {
        "numb_steps": 60,
        "disp_freq": 60,
        "training_data": {"systems": ["train"], "batch_size": 6},
        "validation_data": {"systems": ["valid"], "batch_size": 8},
    }
    force_errors = {}
    for name, keys in {"float32": {}, **{compute: mixed(compute) for compute in UNIT}}.items():
        training_input = settings(
            tmp_path,
            model=SINGLE,
            learning_rate={"start_lr": 0.03, "decay_steps": 10},
            loss={"start_pref_v": 0.0, "limit_pref_v": 0.0},
            training={**section, **keys},
        )
        model = train(training_input, tmp_path, tmp_path / name)
        assert all(weight.dtype == torch.float32 for weight in model.parameters())
        first, last = curve(tmp_path / name)
        assert last[2] < first[2] and last[5] < 0.7 * first[5]
        force_errors[name] = last[5]
    assert max(force_errors.values()) < 1.1 * force_errors["float32"]


@pytest.mark.parametrize("compute", UNIT)
def test_restarted_is_uninterrupted(folder: Path, compute: str) -> None:
    training_input = settings(folder, model=SINGLE, training=mixed(compute))
    train(training_input, folder, folder / "whole")
    (folder / "half").mkdir()
    for name in ("model.ckpt-4.pt", "lcurve.out"):
        shutil.copy(folder / "whole" / name, folder / "half" / name)
    lines = (folder / "half" / "lcurve.out").read_text().splitlines(keepends=True)
    (folder / "half" / "lcurve.out").write_text("".join(lines[:-2]))
    train(training_input, folder, folder / "half", restart=folder / "half" / "model.ckpt-4.pt")
    assert_same(folder / "whole", folder / "half")
    train(settings(folder, model=SINGLE), folder, folder / "plain")
    weights = (latest(folder / name).weights for name in ("whole", "plain"))
    assert any(not torch.equal(one, other) for one, other in zip(*(state.values() for state in weights), strict=True))


def test_it_is_in_the_input_as_understood(folder: Path) -> None:
    train(settings(folder, model=SINGLE, training={"mixed_precision": {}}), folder, folder / "a")
    understood = json.loads((folder / "a" / "out.json").read_text())
    assert understood["training"]["mixed_precision"] == {"output_prec": "float32", "compute_prec": "float16"}
    (folder / "input.json").write_text(json.dumps(understood))
    train(read_potential_input(folder / "input.json"), folder, folder / "b")
    assert_same(folder / "a", folder / "b")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"descriptor": DESCRIPTOR},
            'model.descriptor.precision is "default"; it should be "float32" with training.mi',
        ),
        ({"fitting_net": FITTING}, 'model.fitting_net.precision is "default"; it should be "float32" with training.mi'),
        (
            {"fitting_net": {**FITTING, "precision": "float64"}},
            'model.fitting_net.precision is "float64"; it should be "float32" with training.mixed_precision.',
        ),
    ],
)
def test_refused_with_other_precisions(folder: Path, model: dict[str, Any], message: str) -> None:
    training_input = settings(folder, model={**SINGLE, **model}, training=mixed("bfloat16"))
    with pytest.raises(InputError) as error:
        train(training_input, folder, folder / "a")
    assert str(error.value).startswith(message)
    assert not any((folder / "a").iterdir())


@pytest.mark.parametrize("keys", [{"compute_prec": "float32"}, {"output_prec": "float64"}, {"precision": "float16"}])
def test_other_types_are_refused(folder: Path, keys: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"training\.mixed_precision\.[a-z_]+ is "):
        settings(folder, model=SINGLE, training={"mixed_precision": keys})
