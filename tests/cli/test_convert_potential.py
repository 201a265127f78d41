from pathlib import Path

import torch
from typer.testing import CliRunner

from deepaw.cli.app import app
from deepaw.errors import InputError
from deepaw.potential.files.formats import read_potential
from potential.files.graph_models import unpack
from potential.files.peer_models import path_of


def _convert(source: Path, output: Path) -> str:
    done = CliRunner().invoke(app, ["convert", str(source), str(output)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_there_and_back(tmp_path: Path) -> None:
    said = _convert(path_of("hybrid"), tmp_path / "model.safetensors")
    assert "potential of O H, hybrid and ener" in said and "cutoff 3.5 A" in said and "dropped" in said
    _convert(tmp_path / "model.safetensors", tmp_path / "model.yaml")
    _convert(tmp_path / "model.yaml", tmp_path / "model.dp")
    first, last = (read_potential(path).state_dict() for path in (path_of("hybrid"), tmp_path / "model.dp"))
    assert all(torch.equal(last[name], value) for name, value in first.items())


def test_a_frozen_graph(tmp_path: Path) -> None:
    graph = unpack("pairs", tmp_path)
    said = _convert(graph, tmp_path / "model.dp")
    assert "potential of O H, se_e2_a and ener" in said and "cutoff 3.6 A" in said
    first, last = (read_potential(path).state_dict() for path in (graph, tmp_path / "model.dp"))
    assert all(torch.equal(last[name], value) for name, value in first.items())


def test_what_it_cannot_write_or_read_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "frozen.pth").touch()
    for source, name in ((path_of("radial"), "model.pth"), (tmp_path / "frozen.pth", "model.dp")):
        done = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / name)])
        assert isinstance(done.exception, InputError)
    assert [path.name for path in tmp_path.iterdir()] == ["frozen.pth"]


def test_a_folder_that_is_not_there_is_said_first(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["convert", str(tmp_path / "no.dp"), str(tmp_path / "gone" / "model.dp")])
    assert isinstance(done.exception, InputError) and "gone" in str(done.exception)
