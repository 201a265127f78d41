"""Small trainings of potentials for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from deepaw.potential.input import PotentialInput, read_potential_input
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.checkpoint import Checkpoint, read_checkpoint
from deepaw.potential.training.start import choose_start
from deepaw.potential.training.trainer import Trainer
from potential.systems import ELEMENTS, water, write_system

CPU = torch.device("cpu")

DESCRIPTOR: dict[str, Any] = {
    "type": "se_e2_a",
    "rcut": 4.0,
    "rcut_smth": 1.0,
    "sel": [12, 24],
    "neuron": [4, 8],
    "axis_neuron": 3,
    "type_one_side": True,
}
FITTING: dict[str, Any] = {"neuron": [10, 10]}
TRAINING: dict[str, Any] = {"numb_steps": 8, "seed": 1, "disp_freq": 2, "save_freq": 4}


def write_data(folder: Path) -> None:
    """Write `folder/train`, with two systems of different sizes, one of them without a cell, and `folder/valid`."""
    write_system(folder / "train" / "box", water(4, molecules=3, seed=1))
    write_system(folder / "train" / "free", water(3, molecules=2, seed=2, periodic=False), type_map=("H", "O"))
    write_system(folder / "valid", water(3, molecules=3, seed=3))


def write_input(folder: Path, *, validation: bool = True, **sections: Any) -> Path:
    """Write `folder/input.json` for the data of `write_data`.

    sections: keys to add to sections of the input, or to remove if None.
    """
    content: dict[str, Any] = {
        "model": {"type_map": list(ELEMENTS), "descriptor": DESCRIPTOR, "fitting_net": FITTING},
        "learning_rate": {"start_lr": 0.005, "stop_lr": 1e-4, "decay_steps": 5},
        "loss": {"start_pref_v": 0.1, "limit_pref_v": 0.1},
        "training": {"training_data": {"systems": ["train"], "batch_size": 2}, **TRAINING},
    }
    if validation:
        content["training"]["validation_data"] = {"systems": ["valid"], "batch_size": 1, "numb_btch": 2}
    for name, section in sections.items():
        merged = {**content.get(name, {}), **section}
        content[name] = {key: value for key, value in merged.items() if value is not None}
    path = folder / "input.json"
    path.write_text(json.dumps(content))
    return path


def settings(folder: Path, **sections: Any) -> PotentialInput:
    """Return the settings of an input as of `write_input`."""
    return read_potential_input(write_input(folder, **sections))


def train(
    given: PotentialInput, folder: Path, output: Path, *, say: Any = lambda text: None, **start: Path
) -> PotentialModel:
    """Train with outputs in a folder, which is created if necessary; start: restart, init_model or finetune."""
    output.mkdir(exist_ok=True)
    chosen = choose_start(*(start.get(name) for name in ("restart", "init_model", "finetune")))
    return Trainer(given, folder, output, CPU, chosen, say=say).run()


def latest(output: Path) -> Checkpoint:
    """Read the last checkpoint in a folder."""
    return read_checkpoint(output / "model.ckpt.pt")


def curve(output: Path) -> list[list[float]]:
    """Read the numbers of a learning curve."""
    lines = (output / "lcurve.out").read_text().splitlines()
    return [[float(word) for word in line.split()] for line in lines if not line.startswith("#")]


def assert_same(one: Path, other: Path) -> None:
    """Assert that weights, averages, optimizer, samplers and curve are identical."""
    a, b = latest(one), latest(other)
    assert (a.step, a.samplers, a.model) == (b.step, b.samplers, b.model)
    assert a.weights.keys() == b.weights.keys()
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert len(a.averages) == len(b.averages) and all(map(torch.equal, a.averages, b.averages))
    assert a.optimizer["param_groups"] == b.optimizer["param_groups"]
    for number, state in a.optimizer["state"].items():
        assert all(torch.equal(value, b.optimizer["state"][number][name]) for name, value in state.items())
    assert (one / "lcurve.out").read_text() == (other / "lcurve.out").read_text()
