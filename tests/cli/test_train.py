"""`deepaw train` from an input file to a model that `deepaw-predict` takes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ase.calculators.vasp import VaspChargeDensity
from ase.io import write

from deepaw.cli.app import main
from deepaw.cli.predict import main as predict
from deepaw.density.training.checkpoint import read_checkpoint
from deepaw.density.training.curve import read_curve
from density.synthetic import EXPANSION, crystal, write_crystals

TRAINING = {"steps": 6, "batch_size": 2, "probes": 50, "validate_every": 3, "validation_probes": 50, "save_every": 3}


def _input(**sections) -> dict:
    return {
        "model": EXPANSION,
        "data": {"systems": ["data"], "validation_fraction": 0.2},
        "training": TRAINING,
        **sections,
    }


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with data, and an input file in a folder of its own that names them relative to itself."""
    monkeypatch.chdir(tmp_path)
    write_crystals(tmp_path / "inputs" / "data", 5)
    Path("inputs/density.json").write_text(json.dumps(_input()))
    return tmp_path


def run(monkeypatch, capsys, *arguments: str, command=main) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["deepaw", *arguments])
    with pytest.raises(SystemExit) as caught:
        command()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def refused(monkeypatch, capsys, *arguments: str) -> str:
    """The one sentence of a command that must leave nothing behind."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    code, out, err = run(monkeypatch, capsys, "train", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.endswith(".\n") and err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    return err


def test_from_densities_to_a_chgcar(folder, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "train", "inputs/density.json", "-o", "trained")
    assert (code, err) == (0, "")
    assert "4 structures to learn from, 1 to validate" in out
    assert "step 3/6" in out and "left" in out
    assert sorted(path.name for path in Path("trained").iterdir()) == [
        "checkpoint.pt", "lcurve.out", "lcurve.png", "left_out.txt", "model.safetensors", "validation.txt",
    ]  # fmt: skip
    assert [point.step for point in read_curve(Path("trained/lcurve.out"))] == [3, 6]
    write("LiF.vasp", crystal(1), format="vasp")
    arguments = [
        "--poscar",
        "LiF.vasp",
        "--model",
        "trained/model.safetensors",
        "--grid",
        "8",
        "8",
        "8",
        "-o",
        "CHGCAR",
    ]
    assert run(monkeypatch, capsys, *arguments, command=predict)[0] == 0
    assert VaspChargeDensity("CHGCAR").chg[0].shape == (8, 8, 8)


@pytest.mark.slow
def test_restart(folder, monkeypatch, capsys):
    run(monkeypatch, capsys, "train", "inputs/density.json", "-o", "trained")
    longer = _input(training={**TRAINING, "steps": 9})
    Path("inputs/longer.json").write_text(json.dumps(longer))
    arguments = ("train", "inputs/longer.json", "-o", "trained", "--restart", "trained/checkpoint.pt")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, err) == (0, "")
    assert "step 9/9" in out and "step 3/9" not in out
    assert [point.step for point in read_curve(Path("trained/lcurve.out"))] == [3, 6, 9]


def test_refused(folder, monkeypatch, capsys):
    def write_input(**sections) -> str:
        Path("inputs/other.json").write_text(json.dumps(_input(**sections)))
        return "inputs/other.json"

    assert "none.json does not exist" in refused(monkeypatch, capsys, "none.json", "-o", "out")
    other = write_input(training={**TRAINING, "step": 3})
    assert "other.json: training.step is not a key; did you mean training.steps." in refused(monkeypatch, capsys, other)
    other = write_input(data={"systems": ["nowhere"]})
    assert "There is no data at inputs/nowhere" in refused(monkeypatch, capsys, other, "-o", "out")
    other = write_input(data={"systems": ["data"], "leave_out": ["perovskite"]})
    assert "No crystal type is called perovskite" in refused(monkeypatch, capsys, other, "-o", "out")
    other = write_input(training={**TRAINING, "mixed_precision": True})
    assert "it needs a CUDA device" in refused(monkeypatch, capsys, other, "-o", "out")
    good = "inputs/density.json"
    assert "no/where" in refused(monkeypatch, capsys, good, "-o", "no/where/out")
    assert "is a file" in refused(monkeypatch, capsys, good, "-o", "inputs/density.json")
    assert "must be cpu" in refused(monkeypatch, capsys, good, "-o", "out", "--device", "gpu")
    assert "none.pt does not exist" in refused(monkeypatch, capsys, good, "-o", "out", "--restart", "none.pt")
    assert "is not a checkpoint" in refused(monkeypatch, capsys, good, "-o", "out", "--restart", good)
    Path("inputs/data/density/short_0.npz").write_bytes(b"PK")
    assert "short_0.npz is not an npz file" in refused(monkeypatch, capsys, good, "-o", "out")


@pytest.mark.slow
def test_ctrl_c(folder):
    """A real signal to a real process, in the middle of its steps."""
    training = {**TRAINING, "steps": 1_000_000, "validate_every": 5, "save_every": 1_000_000}
    Path("inputs/density.json").write_text(json.dumps(_input(training=training)))
    command = [sys.executable, "-m", "deepaw", "train", "inputs/density.json", "-o", "trained"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 10/"):
            break
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    step = read_checkpoint(Path("trained/checkpoint.pt")).step
    assert step >= 10
    assert out.splitlines()[-1] == f"stopped at step {step}; go on with --restart trained/checkpoint.pt"
    assert not Path("trained/model.safetensors").exists()
