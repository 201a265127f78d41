"""`deepaw test` from arguments to files."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.io import write

from deepaw.cli.app import main
from deepaw.density.engine import InferenceEngine
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A model, and a data set of two structures that it gets right and one of silicon that it does not know."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    splines = SplineConfig((6, 4), (3.0, 3.0), 1.5)
    config = ExpansionConfig((8, 12), channels=4, lmax=1, num_interactions=1, cutoff=3.0, splines=splines)
    fitted = FittedAtoms((8, 12), SplineConfig((6,), (3.0,), 1.5), torch.rand(2, 6) + 0.5)
    model = DensityModel(ExpansionNetwork(config), fitted, {}, {})
    model.save("model.safetensors")
    Path("density").mkdir()
    frames = [bulk("MgO", "rocksalt", a) for a in (4.2, 4.3)]
    for number, atoms in enumerate(frames):
        atoms.info["name"] = f"salt_{number}"
        density = InferenceEngine(model).predict(atoms=atoms, grid_shape=(6, 6, 6)).density_3d
        np.savez(f"density/salt_{number}.npz", density=density)
    silicon = bulk("Si")
    silicon.info["name"] = "silicon"
    np.savez("density/silicon.npz", density=np.ones((6, 6, 6)))
    write("structures.extxyz", [*frames, silicon])
    Path("known.txt").write_text("salt_1\nsalt_0\n")
    Path("wrong.txt").write_text("salt_7\n")
    return tmp_path


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `deepaw test`."""
    monkeypatch.setattr(sys, "argv", ["deepaw", "test", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_figures_table_and_picture(folder, monkeypatch, capsys):
    arguments = ("model.safetensors", ".", "--only", "known.txt", "-o", "result.v1")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert [line[0] for line in lines[1:3]] == ["salt_1", "salt_0"]
    assert any(line[:2] == ["salt", "2"] for line in lines)
    assert any(line[:2] == ["all", "2"] for line in lines)
    assert "silicon" not in out
    with Path("result.v1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["salt_1", "salt_0"]
    assert all(float(row["nmae"]) < 1e-5 < float(row["nmae_fitted"]) for row in rows)
    assert Path("result.v1.png").read_bytes().startswith(b"\x89PNG")


def test_without_an_output_nothing_is_written(folder, monkeypatch, capsys):
    before = sorted(folder.rglob("*"))
    code, out, _ = run(monkeypatch, capsys, "model.safetensors", "structures.extxyz", "--only", "known.txt")
    assert code == 0
    assert "salt_0" in out
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model.safetensors", "."), "has never seen Si"),
        (("none.safetensors", "."), "no model none.safetensors"),
        (("model.safetensors", "nowhere"), "There is no data at nowhere"),
        (("model.safetensors", ".", "--only", "none.txt"), "none.txt cannot be read"),
        (("model.safetensors", ".", "--only", "wrong.txt"), "lists salt_7"),
        (("model.safetensors", ".", "-o", "nowhere/result"), "The folder nowhere"),
        (("model.safetensors", ".", "structures.extxyz"), "both called salt_0"),
        (("model.safetensors", ".", "--only", "known.txt", "--device", "tpu"), "device is 'tpu'"),
    ],
)
def test_one_sentence_and_nothing_left(folder, monkeypatch, capsys, arguments, said):
    before = sorted(folder.rglob("*"))
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_a_density_with_nan_is_found_first(folder, monkeypatch, capsys):
    np.savez("density/salt_0.npz", density=np.full((6, 6, 6), np.nan))
    code, _, err = run(monkeypatch, capsys, "model.safetensors", ".", "--only", "known.txt")
    assert code == 2
    assert "density/salt_0.npz has a density with 216 values that are not finite numbers." in err
