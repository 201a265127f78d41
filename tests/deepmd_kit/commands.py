"""A folder in which every command of the page can be run."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepaw.cli.app import main
from deepaw.potential.files.formats import read_potential, write_potential
from deepaw.potential.training.trainer import Trainer
from potential.files.peer_models import path_of
from potential.longrange.models import dipole_model
from potential.systems import water, write_system
from potential.trainings import CPU, settings, write_input

LABELS = ("energy", "force", "virial", "atom_ener")
STEPS, STEPS_BEFORE = 4, 2


@dataclass(frozen=True)
class Run:
    """Result of a command: exit code, texts, and the files that are there afterwards and were not before."""

    code: int
    out: str
    err: str
    new_files: set[str]


def prepare(folder: Path) -> None:
    """Write data, models, a checkpoint after `STEPS_BEFORE` steps and an input for `STEPS` into an empty folder."""
    write_system(folder / "data" / "a", water(3, 2, seed=1), labels=LABELS)
    write_system(folder / "data" / "b", water(2, 3, seed=2), labels=LABELS)
    write_system(folder / "train", water(3, 3, seed=3), labels=LABELS)
    write_system(folder / "valid", water(2, 3, seed=4), labels=LABELS)
    (folder / "systems.txt").write_text("data/a\ndata/b\n")
    (folder / "before").mkdir()
    first = settings(folder, training={"numb_steps": STEPS_BEFORE, "save_freq": STEPS_BEFORE})
    Trainer(first, folder, folder / "before", CPU, say=lambda text: None).run()
    content = json.loads(write_input(folder, training={"numb_steps": STEPS}).read_text())
    content["training"]["training_data"]["systems"] = ["train"]
    (folder / "input.json").write_text(json.dumps(content))
    (folder / "input.yaml").write_text("model:\n  type_map: [O, H]\n")
    shutil.copy(folder / "before" / "frozen_model.safetensors", folder)
    model = read_potential(path_of("one_side"))
    for name in ("graph.000.safetensors", "model.dp"):
        write_potential(folder / name, model)
    model.bias += 0.5
    for parameter in model.fitting.parameters():
        parameter.data *= 1.01
    write_potential(folder / "graph.001.safetensors", model)
    write_potential(folder / "dipole.dp", dipole_model())


def run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of DeePMD-kit in the working folder, with deepaw in the place of dp."""
    program, *arguments = command.split()
    assert program == "dp"
    before = set(Path().rglob("*"))
    monkeypatch.setattr(sys, "argv", ["deepaw", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    new = {str(path) for path in set(Path().rglob("*")) - before}
    return Run(int(caught.value.code or 0), re.sub(r"\x1b\[[\d;]*m", "", out), err, new)
