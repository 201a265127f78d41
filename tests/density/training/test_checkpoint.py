"""Checkpoints come back as they were, or are refused in one sentence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.density.data.example import Example
from deepaw.density.data.split import Split
from deepaw.density.training.checkpoint import (
    Checkpoint,
    check_settings,
    check_structures,
    read_checkpoint,
    structure_names,
)
from deepaw.errors import InputError
from density.synthetic import crystal
from writing import Touching, fill_the_disk, kill_while_writing

SETTINGS = {
    "model": {"readout": "expansion", "channels": 4},
    "data": {"systems": ["here"]},
    "training": {"seed": 0, "batch_size": 2, "probes": 100, "steps": 10, "learning_rate": 0.1},
}


def _checkpoint() -> Checkpoint:
    weight = torch.nn.Parameter(torch.randn(3, 2))
    optimizer = torch.optim.AdamW([weight])
    weight.square().sum().backward()
    optimizer.step()
    names = structure_names(_split())
    weights = {"weight": weight.detach()}
    return Checkpoint(
        7, weights, [torch.rand(2)], optimizer.state_dict(), torch.rand(2, 3), [0.5], names, SETTINGS, 1.5
    )


def _split(train: str = "abc", validation: str = "d") -> Split:
    def examples(names: str) -> list[Example]:
        return [Example(name, "kind", crystal(0), None, name, lambda: np.ones((2, 2, 2))) for name in names]

    return Split(examples(train), examples(validation), [])


def test_written_and_read(tmp_path):
    written = _checkpoint()
    written.write(tmp_path / "checkpoint.pt")
    read = read_checkpoint(tmp_path / "checkpoint.pt")
    assert list(tmp_path.iterdir()) == [tmp_path / "checkpoint.pt"]
    assert (read.step, read.losses, read.seconds) == (7, [0.5], 1.5)
    assert read.settings == SETTINGS
    assert read.structures == {"train": ["a", "b", "c"], "validation": ["d"], "left_out": []}
    assert torch.equal(read.weights["weight"], written.weights["weight"])
    assert torch.equal(read.averages[0], written.averages[0])
    assert torch.equal(read.fitted, written.fitted)
    assert torch.equal(read.optimizer["state"][0]["exp_avg"], written.optimizer["state"][0]["exp_avg"])


@pytest.mark.parametrize("keep", [0, 1, 100, 1000, -1])
def test_cut_short(tmp_path, keep):
    path = tmp_path / "checkpoint.pt"
    _checkpoint().write(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"is not a checkpoint of a density training, or it is cut short\.$"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content", [3, {"step": 1}, [1], Touching(), {"weights": torch.zeros(2)}, torch.nn.Linear(1, 1)], ids=repr
)
def test_foreign_files_and_nothing_unpickled(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "checkpoint.pt")
    with pytest.raises(InputError, match="is not a checkpoint of a density training"):
        read_checkpoint(Path("checkpoint.pt"))
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    "content", [b"text\n", b"\x80\x02}q\x00.", b"cos\nsystem\n.", b"PK\x03\x04" + bytes(50), b"\x00" * 99]
)
def test_foreign_bytes(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a checkpoint of a density training"):
        read_checkpoint(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="is not a checkpoint"):
        read_checkpoint(tmp_path)


WRITING = """
import torch
from pathlib import Path
from deepaw.density.training.checkpoint import Checkpoint
weights = {"weight": torch.zeros(5_000_000)}
for step in range(1000):
    Checkpoint(step, weights, [], {}, torch.zeros(1), [], {}, {}, 0.0).write(Path("checkpoint.pt"))
"""


def test_killed_while_writing(tmp_path):
    path = tmp_path / "checkpoint.pt"
    kill_while_writing(WRITING, tmp_path, path.name, ".checkpoint.pt.*")
    assert len(list(tmp_path.iterdir())) == 2  # the new one, half-written, is left beside
    assert len(read_checkpoint(path).weights["weight"]) == 5_000_000


FULL = """
import torch
from pathlib import Path
from deepaw.density.training.checkpoint import Checkpoint
checkpoint = Checkpoint(9, {"w": torch.zeros(9999)}, [], {}, torch.zeros(1), [], {}, {}, 0.0)
checkpoint.write(Path("checkpoint.pt"))
"""


def test_the_disk_is_full(tmp_path):
    _checkpoint().write(tmp_path / "checkpoint.pt")
    assert "InputError: checkpoint.pt cannot be written: the disk is full" in fill_the_disk(FULL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert read_checkpoint(tmp_path / "checkpoint.pt").step == 7


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "channels", 8),
        ("model", "readout", "gated"),
        ("model", "mul", 3),
        ("training", "seed", 1),
        ("training", "batch_size", 3),
        ("training", "probes", 10),
    ],
)
def test_other_settings_are_refused(section, key, value):
    given = {**SETTINGS, section: {**SETTINGS[section], key: value}}
    with pytest.raises(InputError) as caught:
        check_settings(Path("checkpoint.pt"), _checkpoint(), given)
    assert str(caught.value) == (
        f"checkpoint.pt was made with {section}.{key} = {SETTINGS[section].get(key)!r} and the input file says "
        f"{value!r}; restart with the same value."
    )


def test_steps_rates_and_places_may_change():
    training = {**SETTINGS["training"], "steps": 100, "learning_rate": 0.01}
    given = {**SETTINGS, "training": training, "data": {"systems": ["there"]}}
    check_settings(Path("checkpoint.pt"), _checkpoint(), given)
    check_structures(Path("checkpoint.pt"), _checkpoint(), _split())


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (_split("abcx", "d"), "x differs in the part 'train' (3 structures then, 4 now)"),
        (_split("ab", "d"), "c differs in the part 'train' (3 structures then, 2 now)"),
        (_split("abc", "e"), "d differs in the part 'validation' (1 structures then, 1 now)"),
        (_split("abd", "c"), "c differs in the part 'train'"),
        (_split("acb", "d"), "the order of the structures differs in the part 'train'"),
        (replace(_split(), left_out=_split().train[:1]), "a differs in the part 'left_out'"),
    ],
)
def test_other_data_are_refused(given, what):
    with pytest.raises(InputError) as caught:
        check_structures(Path("checkpoint.pt"), _checkpoint(), given)
    assert str(caught.value).startswith(f"checkpoint.pt was made from other data: {what}")
