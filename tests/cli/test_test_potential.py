"""`deepaw test` of a potential, from arguments to files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from deepaw.cli.app import main
from deepaw.infer import DeepPot
from deepaw.potential.files.formats import read_potential
from potential.data.hdf5systems import pack
from potential.files.peer_models import path_of
from potential.systems import water, write_system


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    read_potential(path_of("one_side")).save("model.safetensors")
    write_system(Path("data/a"), water(3, 2))
    write_system(Path("data/b"), water(2, 3), labels=("energy", "force"))
    write_system(Path("bare"), water(1), labels=())
    write_system(Path("names"), water(1), type_map=("S", "H", "O"))
    Path("list.txt").write_text("data/a\n\ndata/b\n")
    Path("empty.txt").write_text("\n")
    Path("gbk.txt").write_bytes("数据\n".encode("gbk"))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["deepaw", "test", *command.split()])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_systems_of_an_hdf5_file_give_the_same(folder, monkeypatch, capsys) -> None:
    for name in ("a", "b"):
        pack(Path("data") / name, Path("all.hdf5"), f"/{name}")
    np.save("data/a/set.000/aparam.npy", ["what the model does not read"])
    _, folders, _ = run(monkeypatch, capsys, "-m model.safetensors -s data")
    code, file, err = run(monkeypatch, capsys, "-m model.safetensors -s all.hdf5")
    assert (code, err) == (0, "")
    assert [line.split()[1:] for line in file.splitlines()] == [line.split()[1:] for line in folders.splitlines()]
    Path("list.txt").write_text("all.hdf5#/a\nall.hdf5#/b\n")
    assert run(monkeypatch, capsys, "-m model.safetensors -f list.txt") == (0, file, "")


def test_figures_files_and_picture(folder, monkeypatch, capsys) -> None:
    code, out, err = run(monkeypatch, capsys, "-m model.safetensors -s data -d result.v1")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert rows["data/a"][1:3] == ["3", "6"] and rows["data/b"][1:3] == ["2", "9"] and rows["all"][1] == "5"
    assert rows["data/b"][-2:] == ["-", "-"]
    frames = water(3, 2)
    energy, force, _ = DeepPot("model.safetensors").eval(frames.coord, frames.cell, frames.types)
    off = energy[:, 0] - frames.labels["energy"]
    assert float(rows["data/a"][3]) == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-4)
    assert float(rows["data/a"][4]) == pytest.approx(np.abs(off).mean(), rel=1e-4)
    written = {path.name for path in Path().glob("result.v1.*")}
    assert written == {
        f"result.v1.{end}" for end in ["e.out", "e_peratom.out", "f.out", "v.out", "v_peratom.out", "png"]
    }
    forces = np.loadtxt("result.v1.f.out")
    assert forces.shape == (3 * 6 + 2 * 9, 6)
    np.testing.assert_allclose(forces[:18, :3], frames.labels["force"].reshape(-1, 3), rtol=0, atol=1e-12)
    np.testing.assert_allclose(forces[:18, 3:], force.reshape(-1, 3), rtol=0, atol=1e-9)
    assert np.loadtxt("result.v1.v.out").shape == (3, 18)
    assert Path("result.v1.png").read_bytes().startswith(b"\x89PNG")


def test_ways_to_name_model_and_systems(folder, monkeypatch, capsys) -> None:
    before = sorted(folder.rglob("*"))
    expected = run(monkeypatch, capsys, "-m model.safetensors -s data")[1]
    for command in (
        "model.safetensors data",
        "model.safetensors -s data/a -s data/b",
        "-m model.safetensors -s data/a data/b",
        "--model model.safetensors --datafile list.txt",
    ):
        code, out, err = run(monkeypatch, capsys, command)
        assert (code, err) == (0, "")
        assert sorted(out.split()) == sorted(expected.split()), command
    assert sorted(folder.rglob("*")) == before


def test_some_frames_in_another_precision(folder, monkeypatch, capsys) -> None:
    rows = []
    for precision in ("exact", "float32"):
        command = f"-m {path_of('one_side')} -s data/a -n 2 --precision {precision}"
        code, out, _ = run(monkeypatch, capsys, command)
        assert code == 0
        rows.append(next(line.split() for line in out.splitlines() if line.startswith("all")))
    assert rows[0][1] == rows[1][1] == "2"
    np.testing.assert_allclose([float(x) for x in rows[0][2:]], [float(x) for x in rows[1][2:]], rtol=1e-3)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "There is no model to test"),
        ("-m model.safetensors", "There are no systems to test on"),
        ("-m model.safetensors -f empty.txt", "There are no systems to test on"),
        ("-m model.safetensors -f none.txt", "none.txt cannot be read as text"),
        ("-m model.safetensors -f gbk.txt", "gbk.txt, line 1 cannot be read as UTF-8"),
        ("-m model.safetensors -s nowhere", "There is no folder nowhere"),
        ("-m model.safetensors -s bare", "bare has no energy.npy, force.npy or virial.npy to compare with"),
        ("-m model.safetensors -s data -d nowhere/x", "The folder nowhere"),
        ("-m model.safetensors -s data --precision half", "there is no precision 'half'"),
        ("-m none.safetensors -s data", "none.safetensors does not exist"),
        ("-m model.pth -s data", "is a frozen model"),
        ("none.dp data", "none.dp"),
        ("fast", "There are no densities to compare fast with"),
    ],
)
def test_one_sentence_and_nothing_left(folder, monkeypatch, capsys, command: str, said: str) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = run(monkeypatch, capsys, command)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith(".\n")
    assert sorted(folder.rglob("*")) == before


def test_a_type_that_the_model_does_not_know(folder, monkeypatch, capsys) -> None:
    Path("names/type.raw").write_text("0\n" * 12)
    code, _, err = run(monkeypatch, capsys, "-m model.safetensors -s names")
    assert code == 2
    assert "names has atoms of type S, which is not in the type map O H" in err
