"""Training loop: learning, restarts, starts from other models, output files, errors."""

import json
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from deepaw.errors import InputError
from deepaw.modelfile import read_metadata
from deepaw.potential.data import scan, scanrecord
from deepaw.potential.exact import evaluate_exactly
from deepaw.potential.files.formats import read_potential
from deepaw.potential.input import read_potential_input
from deepaw.potential.nativefile import load_model
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.trainer import Trainer
from potential.systems import labelled, water, write_mixed_system, write_system
from potential.trainings import (
    CPU,
    DESCRIPTOR,
    FITTING,
    assert_same,
    curve,
    latest,
    settings,
    train,
    write_data,
)


@contextmanager
def before_steps(call: Callable[[torch.optim.Optimizer], None]) -> Iterator[None]:
    """Call `call` before every optimisation step in the block."""
    handle = register_optimizer_step_pre_hook(lambda optimizer, *_: call(optimizer))
    try:
        yield
    finally:
        handle.remove()


@pytest.fixture
def folder(tmp_path) -> Path:
    write_data(tmp_path)
    return tmp_path


def test_learning(tmp_path):
    """Errors of unseen frames are well below the spread of their labels."""
    write_system(tmp_path / "train", water(60, molecules=2, seed=1, periodic=False))
    write_system(tmp_path / "valid", water(8, molecules=2, seed=3, periodic=False))
    said = []
    training_input = settings(
        tmp_path,
        model={"descriptor": {**DESCRIPTOR, "neuron": [8, 16]}, "fitting_net": {"neuron": [20, 20]}},
        learning_rate={"start_lr": 0.03, "decay_steps": 20},
        loss={"start_pref_v": 0.0, "limit_pref_v": 0.0},
        training={
            "numb_steps": 300,
            "disp_freq": 150,
            "training_data": {"systems": ["train"], "batch_size": 6},
            "validation_data": {"systems": ["valid"], "batch_size": 8},
        },
    )
    model = train(training_input, tmp_path, tmp_path / "a", say=said.append)
    frames = water(8, molecules=2, seed=9, periodic=False)
    evaluations = [
        evaluate_exactly(model, find_environment(coord, None, frames.types, model.rcut)) for coord in frames.coord
    ]
    forces = np.array([evaluation.force.numpy() for evaluation in evaluations])
    assert np.sqrt(np.mean((forces - frames.labels["force"]) ** 2)) < 0.4 * frames.labels["force"].std()
    energies = np.array([float(evaluation.energy) for evaluation in evaluations])
    assert np.sqrt(np.mean((energies - frames.labels["energy"]) ** 2)) < 0.7 * frames.labels["energy"].std()
    last = curve(tmp_path / "a")[-1]
    assert last[5] < 0.4 * frames.labels["force"].std() and last[6] < last[5] * 2
    assert said[0].startswith("60 frames of 1 systems to learn from, 8 to validate on; ")
    assert said[2].startswith("step 150/300  train rmse_e ") and " validation rmse_e " in said[2]
    assert "steps/s" in said[2] and said[3].split("  ")[-1] == "0 s left"
    assert said[-1].startswith("written: ") and "frozen_model.safetensors" in said[-1]


def test_what_is_written(folder):
    training_input = settings(folder, training={"max_ckpt_keep": 2, "save_freq": 2})
    model = train(training_input, folder, folder / "a")
    names = sorted(path.name for path in (folder / "a").iterdir())
    assert names == [
        "frozen_model.safetensors", "lcurve.out", "model.ckpt-6.pt", "model.ckpt-8.pt", "model.ckpt.pt", "out.json",
    ]  # fmt: skip
    assert (folder / "a" / "model.ckpt.pt").readlink() == Path("model.ckpt-8.pt")
    frozen = load_model(folder / "a" / "frozen_model.safetensors")
    assert read_metadata(folder / "a" / "frozen_model.safetensors")["prepared"]["forms"]  # for libdeepaw
    last_checkpoint = read_potential(folder / "a" / "model.ckpt.pt")
    for name, value in model.state_dict().items():
        assert torch.equal(frozen.state_dict()[name], value) and torch.equal(last_checkpoint.state_dict()[name], value)
    assert frozen.closest == last_checkpoint.closest == pytest.approx(0.83, abs=0.1)
    assert frozen.provenance["steps"] == 8 and frozen.provenance["input"]["training"]["seed"] == 1
    understood = json.loads((folder / "a" / "out.json").read_text())
    assert understood["training"]["gradient_max_norm"] == 0.0 and understood["loss"]["start_pref_e"] == 0.02
    assert [line[0] for line in curve(folder / "a")] == [1, 2, 4, 6, 8]


def test_what_is_left_to_choose_is_in_the_input_as_understood(folder):
    training_input = settings(folder, model={"descriptor": {**DESCRIPTOR, "sel": "auto"}}, training={"seed": None})
    train(training_input, folder, folder / "a")
    understood = json.loads((folder / "a" / "out.json").read_text())
    assert understood["model"]["descriptor"]["sel"] == [8, 12]
    assert isinstance(understood["training"]["seed"], int)
    (folder / "again").mkdir()
    (folder / "input.json").write_text(json.dumps(understood))
    train(read_potential_input(folder / "input.json"), folder, folder / "again")
    assert_same(folder / "a", folder / "again")


def test_data_are_scanned_once(folder, monkeypatch):
    """A restart or another seed uses the recorded counts, with equal results."""
    training_input = settings(folder, model={"descriptor": {**DESCRIPTOR, "sel": "auto"}})
    train(training_input, folder, folder / "a")
    monkeypatch.setattr(scanrecord, "SMALLEST_SYSTEM", 1)
    train(training_input, folder, folder / "b")
    assert len(list(folder.rglob(scanrecord.FILE_NAME))) == 3

    def search(*_):
        raise AssertionError

    monkeypatch.setattr(scan, "frame_neighbours", search)
    train(training_input, folder, folder / "c")
    assert_same(folder / "a", folder / "b")
    assert_same(folder / "a", folder / "c")
    assert latest(folder / "a").closest == latest(folder / "c").closest
    train(training_input, folder, folder / "c", restart=folder / "c" / "model.ckpt")
    other = training_input.model_copy(update={"training": training_input.training.model_copy(update={"seed": 2})})
    train(other, folder, folder / "d")


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"training": {"enable_ema": True, "gradient_max_norm": 1.0, "disp_freq": 3}},
        {"model": {"descriptor": {**DESCRIPTOR, "precision": "float32", "type_one_side": False}}},
    ],
)
def test_restarted_is_uninterrupted(folder, sections):
    training_input = settings(folder, **sections)
    train(training_input, folder, folder / "whole")
    # the checkpoint of step 4 of 8, as a process killed after step 6 leaves it
    steps = iter(range(7))

    def kill(optimizer: torch.optim.Optimizer) -> None:
        if next(steps) == 6:
            raise ConnectionError

    with before_steps(kill), pytest.raises(ConnectionError):
        train(training_input, folder, folder / "parts")
    assert latest(folder / "parts").step == 4
    train(training_input, folder, folder / "parts", restart=folder / "parts" / "model.ckpt")
    assert_same(folder / "whole", folder / "parts")
    models = [load_model(folder / name / "frozen_model.safetensors") for name in ("whole", "parts")]
    assert all(torch.equal(models[0].state_dict()[name], value) for name, value in models[1].state_dict().items())


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_step_loses_nothing(folder):
    training_input = settings(folder, training={"save_freq": 100})
    train(training_input, folder, folder / "whole")
    said, steps = [], iter(range(9))

    def interrupt(optimizer: torch.optim.Optimizer) -> None:
        if next(steps) == 2:
            signal.raise_signal(signal.SIGINT)

    with before_steps(interrupt), pytest.raises(KeyboardInterrupt):
        train(training_input, folder, folder / "parts", say=said.append)
    stopped = latest(folder / "parts").step
    assert 3 <= stopped <= 4
    assert said[-1] == f"stopped at step {stopped}; go on with --restart {folder / 'parts' / 'model.ckpt.pt'}"
    assert not (folder / "parts" / "frozen_model.safetensors").exists()
    train(training_input, folder, folder / "parts", restart=folder / "parts" / "model.ckpt.pt")
    (folder / "parts" / f"model.ckpt-{stopped}.pt").unlink()
    assert_same(folder / "whole", folder / "parts")


@pytest.mark.slow
def test_threads_do_not_race(folder):
    training_input = settings(folder, model={"descriptor": {**DESCRIPTOR, "rcut": 6.0, "neuron": [16, 32]}})
    threads_before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for name in ("first", "second"):
            train(training_input, folder, folder / name)
    finally:
        torch.set_num_threads(threads_before)
    assert_same(folder / "first", folder / "second")


def test_init_model_and_more_steps(folder):
    train(settings(folder), folder, folder / "a")
    training_input = settings(folder, training={"numb_steps": 10, "seed": 3})
    train(training_input, folder, folder / "b", init_model=folder / "a" / "model.ckpt.pt")
    before, after = latest(folder / "a"), latest(folder / "b")
    assert after.step == 10 and curve(folder / "b")[0][0] == 1
    for name in ("descriptor.davg", "descriptor.dstd", "bias"):
        assert torch.equal(before.weights[name], after.weights[name])
    train(settings(folder, training={"numb_steps": 0}), folder, folder / "c", init_model=folder / "a" / "model.ckpt.pt")
    assert all(torch.equal(value, before.weights[name]) for name, value in latest(folder / "c").weights.items())
    train(training_input, folder, folder / "a", restart=folder / "a" / "model.ckpt.pt")
    assert [line[0] for line in curve(folder / "a")] == [1, 2, 4, 6, 8, 10]
    steps = {float(state["step"]) for state in latest(folder / "a").optimizer["state"].values()}
    assert steps == {10.0}


def test_finetune_moves_the_energies_of_types(folder):
    train(settings(folder), folder, folder / "a")
    for system in (folder / "train" / "box", folder / "train" / "free"):
        file = system / "set.000" / "energy.npy"
        np.save(file, np.load(file) + {"box": 9, "free": 6}[system.name] * 100.0)
    training_input = settings(folder, training={"numb_steps": 0}, model={"type_map": ["H", "O"]})
    train(training_input, folder, folder / "b", finetune=folder / "a" / "frozen_model.safetensors")
    before, after = load_model(folder / "a" / "frozen_model.safetensors"), latest(folder / "b")
    assert after.model["type_map"] == ["O", "H"]
    for name, value in before.state_dict().items():
        if name != "bias":
            assert torch.equal(after.weights[name], value)
    # per atom 100 eV, and little for what so short a training left
    counts = torch.tensor([1.0, 2.0], dtype=torch.float64)
    moved = (after.weights["bias"] - before.bias) @ counts
    assert float(moved) == pytest.approx(300, abs=3)


def test_change_bias_after_training(folder):
    training_input = settings(folder, training={"change_bias_after_training": True, "numb_steps": 3})
    model = train(training_input, folder, folder / "a")
    plain = train(settings(folder, training={"numb_steps": 3}), folder, folder / "b")
    assert not torch.equal(model.bias, plain.bias)
    assert torch.equal(latest(folder / "a").weights["bias"], model.bias)
    box = water(4, molecules=3, seed=1)
    errors = [
        float(trained_model(find_environment(box.coord[k], box.cell[k], box.types, 4.0)).detach().sum())
        - box.labels["energy"][k]
        for trained_model in (model, plain)
        for k in range(4)
    ]
    assert abs(np.mean(errors[:4])) < abs(np.mean(errors[4:]))


def test_averages_are_written_beside(folder):
    training_input = settings(
        folder, training={"enable_ema": True, "ema_decay": 0.5, "ema_ckpt_keep": 1, "numb_steps": 3, "save_freq": 1}
    )
    train(training_input, folder, folder / "a")
    names = sorted(path.name for path in (folder / "a").glob("*ema*"))
    assert names == ["model_ema.ckpt-3.pt", "model_ema.ckpt.pt"]
    weights = [_weights_in(folder / "a" / f"model.ckpt-{step}.pt") for step in (1, 2, 3)]
    averages = _weights_in(folder / "a" / "model_ema.ckpt.pt")
    start = _initial_weights(folder)
    for name, average in averages.items():
        expected = start[name] / 8 + weights[0][name] / 8 + weights[1][name] / 4 + weights[2][name] / 2
        torch.testing.assert_close(average, expected)


def _weights_in(path: Path) -> dict[str, torch.Tensor]:
    return read_potential(path).state_dict()


def _initial_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the initial weights of trainings in this folder."""
    return train(settings(folder, training={"numb_steps": 0}), folder, folder / "start").state_dict()


def test_a_training_is_not_overwritten(folder):
    train(settings(folder), folder, folder / "a")
    before = {path.name: path.read_bytes() for path in (folder / "a").iterdir()}
    with pytest.raises(InputError, match=r"model\.ckpt\.pt is there already; go on with --restart .*, or choose"):
        train(settings(folder), folder, folder / "a")
    assert {path.name: path.read_bytes() for path in (folder / "a").iterdir()} == before


def test_a_loss_that_is_no_number(folder):
    training_input = settings(folder, learning_rate={"start_lr": 1e200, "stop_lr": 1e199}, training={"save_freq": 1})
    with pytest.raises(InputError) as caught:
        train(training_input, folder, folder / "a")
    message = str(caught.value)
    checkpoint = latest(folder / "a")
    assert f"is not a finite number at step {checkpoint.step + 1}, on " in message
    assert "/train/" in message and ", frame " in message
    assert f"(the last good checkpoint is {folder / 'a' / 'model.ckpt.pt'})." in message
    assert all(value.isfinite().all() for value in checkpoint.weights.values())


def test_a_gradient_that_is_no_number_does_not_reach_the_weights(folder):
    (folder / "a").mkdir()
    trainer = Trainer(settings(folder, training={"save_freq": 1}), folder, folder / "a", CPU, say=lambda text: None)
    plain, calls = trainer._objective.gradient, []

    def spoil(*arguments):
        gradients, errors = plain(*arguments)
        calls.append(1)
        if len(calls) == 4:
            for gradient in gradients:
                gradient.mul_(np.inf)
        return gradients, errors

    trainer._objective.gradient = spoil
    with pytest.raises(InputError, match=r"^The gradient is not a finite number at step 4, on .*, frame \d"):
        trainer.run()
    assert latest(folder / "a").step == 3
    assert all(weight.isfinite().all() for weight in trainer._weights)


def test_gradients_are_cut(folder):
    norms = []

    def look(optimizer: torch.optim.Optimizer) -> None:
        gradients = [weight.grad for group in optimizer.param_groups for weight in group["params"]]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    with before_steps(look):
        train(settings(folder, training={"gradient_max_norm": 0.01, "numb_steps": 2}), folder, folder / "a")
    assert norms == pytest.approx([0.01, 0.01], rel=1e-3)


def test_epochs(folder):
    training_input = settings(folder, training={"numb_steps": None, "num_epoch": 1.5})
    train(training_input, folder, folder / "a")
    assert latest(folder / "a").step == 6  # 2 batches of each system, one in two of either


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["se_e2_r", "hybrid"])
def test_other_descriptors(folder, kind):
    radial = {**{key: value for key, value in DESCRIPTOR.items() if key != "axis_neuron"}, "type": "se_e2_r"}
    descriptor = radial if kind == "se_e2_r" else {"type": "hybrid", "list": [DESCRIPTOR, {**radial, "rcut": 3.0}]}
    training_input = settings(
        folder,
        training={"numb_steps": 60, "disp_freq": 60},
        model={"descriptor": descriptor, "fitting_net": {**FITTING, "precision": "float32"}},
    )
    train(training_input, folder, folder / "a")
    first, last = curve(folder / "a")
    assert last[1] < 0.8 * first[1]


def test_parameters_of_frames_and_atoms(folder):
    """Energies that depend only on parameters are learnt."""
    random = np.random.default_rng(0)
    for system in (folder / "train" / "box", folder / "train" / "free", folder / "valid"):
        file = system / "set.000"
        count, natoms = np.load(file / "force.npy").reshape(len(np.load(file / "energy.npy")), -1, 3).shape[:2]
        fparam, aparam = random.normal(3, 2, (count, 1)), random.normal(0, 1, (count, natoms))
        np.save(file / "fparam.npy", fparam)
        np.save(file / "aparam.npy", aparam)
        np.save(file / "energy.npy", (fparam * natoms + aparam.sum(axis=1, keepdims=True)).ravel())
    training_input = settings(
        folder,
        model={"fitting_net": {**FITTING, "numb_fparam": 1, "numb_aparam": 1}},
        loss={"start_pref_f": 0, "limit_pref_f": 0, "start_pref_v": 0, "limit_pref_v": 0, "start_pref_e": 1},
        training={"numb_steps": 80, "disp_freq": 80},
        learning_rate={"start_lr": 0.02},
    )
    train(training_input, folder, folder / "a")
    first, last = curve(folder / "a")
    assert last[4] < 0.3 * first[4]
    (folder / "valid" / "set.000" / "aparam.npy").unlink()
    with pytest.raises(InputError, match=r"There is no .*valid/set\.000/aparam\.npy, which is needed to train on apar"):
        train(training_input, folder, folder / "b")
    assert not any((folder / "b").iterdir())


def test_mixed_types_and_batches_over_systems(folder):
    write_mixed_system(folder / "train" / "mixed", [water(2, 1, seed=2), water(3, 3, seed=4)], ("H", "O"))
    training_input = settings(
        folder,
        training={
            "training_data": {"systems": ["train"], "batch_size": "mixed:5"},
            "numb_steps": 100,
            "disp_freq": 100,
        },
        learning_rate={"start_lr": 0.02},
    )
    train(training_input, folder, folder / "a")
    first, last = curve(folder / "a")
    assert last[6] < 0.85 * first[6]


def test_atoms_without_neighbours_and_missing_types(tmp_path):
    """Frames of one atom, and of hydrogen alone, for which nets of oxygen have no gradient."""
    write_system(tmp_path / "train" / "atom", labelled(np.array([0]), np.zeros((2, 1, 3)), None))
    pair = np.array([[[0.0, 0, 0], [0, 0, 0.8]], [[0.0, 0, 0], [0, 0, 0.9]]])
    write_system(tmp_path / "train" / "pair", labelled(np.array([1, 1]), pair, None))
    training_input = settings(
        tmp_path, validation=False, training={"training_data": {"systems": ["train"], "batch_size": 1}}
    )
    train(training_input, tmp_path, tmp_path / "a")
    lines = curve(tmp_path / "a")
    assert np.isfinite(lines).all() and len(lines[0]) == 6  # step, rmse, rmse_e, rmse_f, rmse_v, lr


def test_labels_that_some_systems_lack(folder):
    (folder / "train" / "free" / "set.000" / "force.npy").unlink()
    (folder / "train" / "free" / "set.000" / "virial.npy").unlink()
    training_input = settings(folder, training={"training_data": {"systems": ["train"], "batch_size": "mixed:4"}})
    with pytest.warns(UserWarning) as caught:
        train(training_input, folder, folder / "a")
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert said[0].startswith(f"there is no force.npy in {folder / 'train' / 'free'}; ")
    assert np.isfinite(curve(folder / "a")).all()


def test_no_forces_at_all(folder):
    for file in folder.glob("train/*/set.000/force.npy"):
        file.unlink()
    with pytest.raises(InputError, match=r"There is no .*box/set\.000/force\.npy, which is needed to train on force\."):
        train(settings(folder), folder, folder / "a")
    training_input = settings(folder, loss={"start_pref_f": 0, "limit_pref_f": 0})
    train(training_input, folder, folder / "a")
    assert len(curve(folder / "a")[0]) == 8


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"model": {"descriptor": {**DESCRIPTOR, "precision": "bfloat16"}}},
            'model.descriptor.precision is "bfloat16"; potentials are trained in float32 or float64.',
        ),
        (
            {"model": {"descriptor": {**DESCRIPTOR, "trainable": False}, "fitting_net": {"trainable": False}}},
            "model.descriptor.trainable and model.fitting_net.trainable are false; nothing is left to train.",
        ),
        ({"training": {"numb_steps": None, "num_epoch": 1}, "learning_rate": {"warmup_steps": 50}}, "is 50; it should"),
        ({"training": {"disp_file": "no/where/lcurve.out"}}, "The folder .* for the output lcurve.out does not exist"),
    ],
)
def test_refused_before_anything_is_written(folder, sections, message):
    training_input = settings(folder, **sections)
    with pytest.raises(InputError, match=message):
        train(training_input, folder, folder / "a")
    assert not any((folder / "a").iterdir())


def test_weights_that_are_not_trained_stay(folder):
    training_input = settings(folder, model={"descriptor": {**DESCRIPTOR, "trainable": False}})
    start = _initial_weights(folder)
    trained = train(training_input, folder, folder / "a").state_dict()
    for name, value in trained.items():
        assert torch.equal(value, start[name]) != name.startswith("fitting.nets")


def test_more_neighbours_than_sel_train_all_the_same(folder):
    training_input = settings(folder, model={"descriptor": {**DESCRIPTOR, "sel": [2, 4]}})
    with pytest.warns(UserWarning, match=r"sel is \[2, 4\]"):
        train(training_input, folder, folder / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(settings(folder), folder, folder / "b")
