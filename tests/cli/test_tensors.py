"""The commands with models of dipoles and polarizabilities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepaw.cli.app import app
from deepaw.errors import InputError
from deepaw.infer import DeepPolar
from potential.files.tensor_models import path_of
from potential.systems import water
from potential.tensors import tensor_input, write_tensor_data, write_tensors


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.filterwarnings("ignore:there is no")
@pytest.mark.filterwarnings("ignore:sel is")
def test_from_an_input_to_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tensor_data(tmp_path, "polarizability")
    Path("input.json").write_text(json.dumps(tensor_input({"type": "polar", "pol_type": [0]})))
    assert "rmse_local_polar" in run("train", "input.json")
    assert json.loads(Path("out.json").read_text())["model"]["fitting_net"]["sel_type"] == [0]
    run("freeze", "-o", "model.dp")
    assert "se_e2_a and polar" in run("convert", "model.dp", "model.yaml")
    said = run("test", "-m", "model.yaml", "-s", "train", "-s", "valid", "-d", "x")
    figures = {line.split()[0]: line.split() for line in said.splitlines() if line}
    assert figures["train/atoms"][3] == "-" and figures["train/frames"][-1] == "-"
    assert Path("x.png").is_file() and not Path("x.e.out").exists()
    rows = np.loadtxt("x.atomic_polarizability.out")
    assert rows.shape == (3 * 8 + 3 * 3, 18)  # of O alone
    off = rows[:, 9:] - rows[:, :9]
    assert figures["all"][4:] == [f"{np.sqrt(np.square(off).mean()):.4e}", f"{np.abs(off).mean():.4e}"]
    assert figures["labels"][2] == f"{np.sqrt(rows[:, :9].var(axis=0).mean()):.4e}"
    frames = water(3, molecules=3, seed=3)
    predicted = DeepPolar("frozen_model.safetensors").eval(frames.coord, frames.cell, frames.types)[:, :3]
    np.testing.assert_allclose(rows[-9:, 9:], predicted.reshape(9, 9), rtol=1e-9)


def test_info() -> None:
    said = run("info", str(path_of("dipole_selected")))
    assert "dipole of O, in the unit of the labels" in " ".join(said.split())
    assert "shift" in run("info", str(path_of("polar")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("test", "-m", str(path_of("dipole")), "-s", "data"),
            "has no dipole.npy or atomic_dipole.npy to compare with",
        ),
        (("test", "-m", "none.dp", "-s", "data"), "none.dp does not exist"),
    ],
)
def test_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tensors(tmp_path / "data", water(1), "polarizability")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError) and message in str(result.exception)
