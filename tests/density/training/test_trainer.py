"""The training loop: the same whether or not it was stopped, better than what it starts from, and careful."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.model import load_density_model
from deepaw.density.training.checkpoint import read_checkpoint
from deepaw.density.training.curve import read_curve
from deepaw.density.training.trainer import Trainer
from deepaw.errors import InputError
from density.synthetic import EXPANSION, GATED, crystal, grid_density, true_density

CPU = torch.device("cpu")


def _train(settings, output: Path, restart: Path | None = None, say=lambda text: None) -> None:
    Trainer(settings, Path(), output, CPU, restart, say).run()


def _assert_same(one: Path, other: Path) -> None:
    """Weights, averages, optimiser and curve, bit for bit; all but the seconds."""
    a, b = read_checkpoint(one / "checkpoint.pt"), read_checkpoint(other / "checkpoint.pt")
    assert (a.step, a.losses, a.structures) == (b.step, b.losses, b.structures)
    assert a.weights.keys() == b.weights.keys()
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert all(map(torch.equal, a.averages, b.averages))
    assert torch.equal(a.fitted, b.fitted)
    assert a.optimizer["param_groups"] == b.optimizer["param_groups"]
    for number, state in a.optimizer["state"].items():
        assert all(torch.equal(value, b.optimizer["state"][number][name]) for name, value in state.items())
    lines = [[line.split()[:-1] for line in (path / "lcurve.out").read_text().splitlines()] for path in (one, other)]
    assert lines[0] == lines[1]
    models = [load_density_model(path / "model.safetensors").network.state_dict() for path in (one, other)]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


@pytest.fixture(params=["expansion", "gated"])
def model(request):
    return EXPANSION if request.param == "expansion" else GATED


@pytest.mark.parametrize("validate_every", [4, 3])
def test_restarted_is_uninterrupted(settings, tmp_path, model, validate_every):
    whole = settings(model, validate_every=validate_every)
    _train(whole, tmp_path / "whole")
    # 4 of 8 steps with the schedule of 8: the checkpoint of step 4, as a process killed after it leaves it
    kept = tmp_path / "parts" / "kept.pt"

    def say(text: str) -> None:
        if (tmp_path / "parts" / "checkpoint.pt").exists() and not kept.exists():
            (tmp_path / "parts" / "checkpoint.pt").rename(kept)

    _train(whole, tmp_path / "parts", None, say)
    assert read_checkpoint(kept).step == 4
    (tmp_path / "parts" / "model.safetensors").unlink()
    _train(whole, tmp_path / "parts", kept)
    _assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
def test_threads_do_not_race(settings, tmp_path):
    """With arrays as large as threads share among themselves."""
    whole = settings({**EXPANSION, "channels": 24, "num_interactions": 2}, batch_size=6, steps=4, save_every=2)
    torch.set_num_threads(3)
    for name in ("first", "second"):
        _train(whole, tmp_path / name)
    _assert_same(tmp_path / "first", tmp_path / "second")


@pytest.mark.slow
@pytest.mark.parametrize("validate_every", [2, 4])
def test_ctrl_c_loses_nothing(settings, tmp_path, validate_every):
    whole = settings(validate_every=validate_every, save_every=100)
    _train(whole, tmp_path / "whole")
    said = []

    def interrupt(text: str) -> None:
        """In the middle of the validation's report."""
        said.append(text)
        if text.startswith("step 4/8"):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _train(whole, tmp_path / "parts", say=interrupt)
    checkpoint = tmp_path / "parts" / "checkpoint.pt"
    assert said[-1] == f"stopped at step 4; go on with --restart {checkpoint}"
    assert read_checkpoint(checkpoint).step == 4
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    _train(whole, tmp_path / "parts", checkpoint)
    _assert_same(tmp_path / "whole", tmp_path / "parts")


def test_ctrl_c_in_the_middle_of_a_step(settings, tmp_path):
    whole = settings(validate_every=3, save_every=100)
    _train(whole, tmp_path / "whole")
    trainer = Trainer(whole, Path(), tmp_path / "parts", CPU, say=lambda text: None)
    handle = register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    handle.remove()
    assert read_checkpoint(tmp_path / "parts" / "checkpoint.pt").step == 1
    _train(whole, tmp_path / "parts", tmp_path / "parts" / "checkpoint.pt")
    _assert_same(tmp_path / "whole", tmp_path / "parts")


def test_more_steps_and_another_folder(settings, tmp_path):
    _train(settings(), tmp_path / "a")
    _train(settings(steps=12, learning_rate=1e-3), tmp_path / "b", tmp_path / "a" / "checkpoint.pt")
    assert [point.step for point in read_curve(tmp_path / "b" / "lcurve.out")] == [12]
    checkpoint = read_checkpoint(tmp_path / "b" / "checkpoint.pt")
    assert checkpoint.step == 12
    assert {float(state["step"]) for state in checkpoint.optimizer["state"].values()} == {12.0}


def test_restarts_of_something_else_are_refused(settings, crystals, tmp_path):
    _train(settings(), tmp_path / "a")
    restart = tmp_path / "a" / "checkpoint.pt"
    before = restart.read_bytes()
    fewer = {"systems": [str(crystals / "crystals")], "validation_fraction": 0.25, "leave_out": ["long"]}
    for other, message in (
        (settings({**EXPANSION, "channels": 3}), "was made with model.channels = 4 and the input file says 3"),
        (settings(GATED), "was made with model.basis = None and the input file says 'gaussian'"),
        (settings(seed=1), "was made with training.seed = 0 and the input file says 1"),
        (settings(data=fewer), "was made from other data: "),
    ):
        with pytest.raises(InputError, match=message) as caught:
            Trainer(other, Path(), tmp_path / "b", CPU, restart)
        assert str(caught.value).count(". ") == 0
        assert not (tmp_path / "b").exists()
    assert restart.read_bytes() == before


def test_a_training_is_not_overwritten(settings, tmp_path):
    _train(settings(), tmp_path / "a")
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(InputError, match=r"checkpoint\.pt is there already; go on with --restart, or choose another"):
        Trainer(settings(), Path(), tmp_path / "a", CPU)
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


@pytest.mark.parametrize("training", [{"learning_rate": 1e30, "gradient_clip": 1e30, "warmup": 0}])
def test_a_loss_that_is_no_number(settings, tmp_path, training):
    with pytest.raises(InputError) as caught:
        _train(settings(**training, save_every=1, validate_every=100), tmp_path / "a")
    message = str(caught.value)
    step = read_checkpoint(tmp_path / "a" / "checkpoint.pt").step
    assert f"is not a finite number at step {step + 1}, on " in message
    assert any(f"{kind}_{number}" in message for kind in ("long", "short") for number in range(9))
    assert f"lower training.learning_rate (the last good checkpoint is {tmp_path / 'a' / 'checkpoint.pt'})." in message
    kept = read_checkpoint(tmp_path / "a" / "checkpoint.pt")
    assert all(weight.isfinite().all() for weight in kept.weights.values())


def test_a_gradient_that_is_no_number_does_not_reach_the_weights(settings, tmp_path):
    trainer = Trainer(settings(save_every=1, validate_every=100), Path(), tmp_path / "a", CPU, say=lambda text: None)
    weight = trainer._weights[0]
    steps = []

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        return gradient * (np.inf if len(steps) == 4 else 1.0)

    weight.register_hook(spoil)
    with pytest.raises(InputError, match=r"^The gradient is not a finite number at step 4, on \w+, \w+; lower "):
        trainer.run()
    assert weight.isfinite().all()
    assert read_checkpoint(tmp_path / "a" / "checkpoint.pt").step == 3


@pytest.mark.parametrize("accumulate", [2, 3, 4, 9])
def test_parts_of_a_batch_add_up_to_it(settings, tmp_path, model, accumulate):
    common = {"batch_size": 4, "steps": 2, "save_every": 2, "validate_every": 2}
    _train(settings(model, **common), tmp_path / "whole")
    _train(settings(model, **common, accumulate=accumulate), tmp_path / "parts")
    a, b = (read_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    moments = [[state["exp_avg"] for state in x.optimizer["state"].values()] for x in (a, b)]
    for one, other in zip(*moments, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4 * float(one.abs().max()) + 1e-9, rtol=1e-3)
    curves = [read_curve(tmp_path / name / "lcurve.out")[0] for name in ("whole", "parts")]
    assert curves[0].train == pytest.approx(curves[1].train, rel=1e-4)


def test_learning(settings, tmp_path):
    """From what fitted atoms leave, the dipoles and quadrupoles that neighbours cause."""
    said = []
    given = settings(steps=150, probes=200, learning_rate=0.03, ema=0.9, warmup=10, validate_every=75)
    trainer = Trainer(given, Path(), tmp_path / "a", CPU, say=said.append)
    trained = trainer.run()
    first, last = read_curve(tmp_path / "a" / "lcurve.out")
    baseline = trainer.baseline.nmae.mean()
    assert baseline > 0.01
    assert first.val_mean < 0.6 * baseline
    assert last.val_mean < 0.15 * baseline
    assert last.train < first.train
    assert (tmp_path / "a" / "lcurve.png").read_bytes().startswith(b"\x89PNG")
    assert f"NMAE {100 * baseline:.2f} %" in said[0]
    assert "step 150/150" in said[2] and "0 min left" in said[2]

    # the model that is returned and the one that is written are the validated one
    model = load_density_model(tmp_path / "a" / "model.safetensors")
    assert model.provenance["nmae_validation"] == pytest.approx(last.val_mean, rel=1e-4)
    assert model.provenance["nmae_fitted_atoms"] == pytest.approx(baseline)
    assert model.provenance["input"] == given.model_dump(mode="json")
    assert json.dumps(model.provenance)
    averages = read_checkpoint(tmp_path / "a" / "checkpoint.pt").averages
    for mine, returned, average in zip(model.network.parameters(), trained.network.parameters(), averages, strict=True):
        assert torch.equal(mine, returned) and torch.equal(mine, average)

    # structures that nobody has seen, on all of their grid and between its points
    for number in (30, 31, 32):
        atoms = crystal(number)
        points = np.random.default_rng(0).random((300, 3)) @ atoms.cell.array
        truth = true_density(atoms, points)
        found = InferenceEngine(model).predict_at(atoms, points)
        assert np.abs(found - truth).mean() < 0.3 * baseline * truth.mean()
    names = (tmp_path / "a" / "validation.txt").read_text().split()
    assert len(names) == 3
    found = InferenceEngine(model).predict(crystal(int(names[0].split("_")[1])), (10, 11, 12), raw=True).density_3d
    truth = grid_density(crystal(int(names[0].split("_")[1])))
    assert np.abs(found - truth).mean() / truth.mean() < 2 * last.val_worst


@pytest.mark.slow
def test_the_gated_network_learns(settings, tmp_path):
    given = settings(GATED, steps=70, probes=150, learning_rate=0.08, ema=0.8, warmup=5, validate_every=70)
    trainer = Trainer(given, Path(), tmp_path / "a", CPU, say=lambda text: None)
    trainer.run()
    (last,) = read_curve(tmp_path / "a" / "lcurve.out")
    assert last.val_mean < 0.85 * trainer.baseline.nmae.mean()


def test_left_out_types_have_a_column(settings, crystals, tmp_path):
    data = {"systems": [str(crystals / "crystals")], "validation_fraction": 0.25, "leave_out": ["long"]}
    said = []
    _train(settings(data=data), tmp_path / "a", say=said.append)
    assert all(np.isfinite(point.out) for point in read_curve(tmp_path / "a" / "lcurve.out"))
    assert (tmp_path / "a" / "left_out.txt").read_text().split() == ["long_2", "long_5", "long_8"]
    assert "left out" in said[1]


def test_nothing_set_aside(settings, crystals, tmp_path):
    data = {"systems": [str(crystals / "crystals")], "validation_fraction": 0.0}
    _train(settings(data=data), tmp_path / "a")
    assert all(np.isnan(point.val_mean) for point in read_curve(tmp_path / "a" / "lcurve.out"))
    assert load_density_model(tmp_path / "a" / "model.safetensors").provenance["nmae_validation"] is None
    assert (tmp_path / "a" / "lcurve.png").exists()


def test_mixed_precision_needs_a_gpu(settings, tmp_path):
    with pytest.raises(InputError, match=r"^training\.mixed_precision is true and the device is cpu; it needs a CUDA"):
        Trainer(settings(mixed_precision=True), Path(), tmp_path / "a", CPU)
    assert not (tmp_path / "a").exists()


def test_output_folders_that_cannot_be(settings, tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        Trainer(settings(), Path(), tmp_path / "file", CPU)
    with pytest.raises(InputError, match="does not exist; create it first"):
        Trainer(settings(), Path(), tmp_path / "no" / "where", CPU)
