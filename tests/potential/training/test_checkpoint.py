"""Checkpoints of potentials: written and read back, refused with an error message, and removed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.formats import read_potential
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.checkpoint import (
    Checkpoint,
    CheckpointFiles,
    ema_prefix,
    find_checkpoint,
    read_checkpoint,
)
from potential.trainings import DESCRIPTOR
from writing import Touching, fill_the_disk, kill_while_writing


def _checkpoint(step: int = 7) -> Checkpoint:
    config = ModelConfig.model_validate({"type_map": ("H", "O"), "descriptor": DESCRIPTOR})
    model = PotentialModel(config, generator=torch.Generator().manual_seed(1))
    model.bias.copy_(torch.tensor([1.0, 2.0]))
    weights = list(model.parameters())
    optimizer = torch.optim.Adam(weights)
    sum(weight.square().sum() for weight in weights).backward()
    optimizer.step()
    return Checkpoint(
        step,
        config.model_dump(mode="json"),
        True,
        0.9,
        {"from": "here"},
        model.state_dict(),
        [torch.rand(2)],
        optimizer.state_dict(),
        {"training": {"seed": 1, "draws": 2, "seen": [3]}, "validation": None},
        {"training": {"seed": 1}},
    )


def test_written_and_read(tmp_path):
    written = _checkpoint()
    written.write(tmp_path / "model.ckpt-7.pt")
    read = read_checkpoint(tmp_path / "model.ckpt-7")
    assert list(tmp_path.iterdir()) == [tmp_path / "model.ckpt-7.pt"]
    for name in ("step", "model", "fixed_slots", "closest", "provenance", "samplers", "settings"):
        assert getattr(read, name) == getattr(written, name)
    assert torch.equal(read.averages[0], written.averages[0])
    assert torch.equal(read.optimizer["state"][0]["exp_avg"], written.optimizer["state"][0]["exp_avg"])
    for model in (read.potential("it"), read_potential(tmp_path / "model.ckpt-7.pt")):
        assert model.fixed_slots and model.closest == 0.9 and model.provenance == {"from": "here"}
        for name, value in model.state_dict().items():
            assert torch.equal(value, written.weights[name])


@pytest.mark.parametrize("keep", [0, 1, 100, 1000, -1])
def test_cut_short(tmp_path, keep):
    path = tmp_path / "model.ckpt.pt"
    _checkpoint().write(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        InputError, match=r"is not a readable checkpoint; it may be cut short or another kind of file\.$"
    ):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [3, {"step": 1}, Touching(), {"model": {}}, torch.nn.Linear(1, 1)], ids=repr)
def test_foreign_files_and_nothing_unpickled(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "model.ckpt.pt")
    with pytest.raises(InputError, match=r"is not a (readable )?checkpoint"):
        read_checkpoint(Path("model.ckpt.pt"))
    assert not Path("evil").exists()


def test_of_another_version_or_damaged(tmp_path):
    path = tmp_path / "model.ckpt.pt"
    _checkpoint().write(path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "more": 1}, path)
    with pytest.raises(InputError, match="is a checkpoint of another version of deepaw"):
        read_checkpoint(path)
    damaged = replace(_checkpoint(), weights={"bias": torch.zeros(2)})
    with pytest.raises(InputError, match="it holds a potential that this deepaw does not know"):
        damaged.potential("it")
    with pytest.raises(InputError, match=r"no\.ckpt does not exist; give the file of a training"):
        find_checkpoint(tmp_path / "no.ckpt")


def test_the_latest_few_are_kept(tmp_path):
    files = CheckpointFiles(tmp_path / "model.ckpt", 2)
    for step in (9, 10, 11):
        assert files.write(_checkpoint(step)) == tmp_path / f"model.ckpt-{step}.pt"
        assert read_checkpoint(files.latest).step == step
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.ckpt-10.pt", "model.ckpt-11.pt", "model.ckpt.pt",
    ]  # fmt: skip
    # after a restart from an earlier one, later ones are of another past
    files.write(_checkpoint(3))
    assert sorted(path.name for path in tmp_path.glob("*-*.pt")) == ["model.ckpt-11.pt", "model.ckpt-3.pt"]
    assert read_checkpoint(files.latest).step == 3


def test_other_files_stay(tmp_path):
    for name in ("model.ckpt-best.pt", "model.ckpt-1.txt", "other.ckpt-1.pt"):
        (tmp_path / name).touch()
    CheckpointFiles(tmp_path / "model.ckpt", 1).write(_checkpoint())
    assert len(list(tmp_path.iterdir())) == 5


def test_names_of_averages():
    assert ema_prefix(Path("a/model.ckpt")) == Path("a/model_ema.ckpt")
    assert ema_prefix(Path("model")) == Path("model_ema")


WRITING = """
import torch
from dataclasses import replace
from pathlib import Path
from deepaw.potential.training.checkpoint import Checkpoint, CheckpointFiles
files = CheckpointFiles(Path("model.ckpt"), 2)
for step in range(1, 1000):
    files.write(Checkpoint(step, {}, False, None, {}, {"w": torch.zeros(5_000_000)}, [], {}, {}, {}))
"""


@pytest.mark.slow
def test_killed_while_writing(tmp_path):
    kill_while_writing(WRITING, tmp_path, "model.ckpt.pt", ".model.ckpt-*.part")
    checkpoint = read_checkpoint(tmp_path / "model.ckpt.pt")
    assert checkpoint.step >= 1 and len(checkpoint.weights["w"]) == 5_000_000


FULL = """
import torch
from pathlib import Path
from deepaw.potential.training.checkpoint import Checkpoint, CheckpointFiles
checkpoint = Checkpoint(9, {}, False, None, {}, {"w": torch.zeros(9999)}, [], {}, {}, {})
CheckpointFiles(Path("model.ckpt"), 1).write(checkpoint)
"""


def test_the_disk_is_full(tmp_path):
    CheckpointFiles(tmp_path / "model.ckpt", 1).write(_checkpoint())
    assert "InputError: model.ckpt-9.pt cannot be written: the disk is full" in fill_the_disk(FULL, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.ckpt-7.pt", "model.ckpt.pt"]
