"""`deepaw scf`, `bands`, `energy` and `data gpaw` from arguments to output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import read, write

from deepaw.cli.app import main
from gpawcases import need_gpaw


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a crystal and parameters of GPAW."""
    monkeypatch.chdir(tmp_path)
    write("POSCAR", bulk("LiH", "rocksalt", a=4.0), format="vasp")
    Path("params.json").write_text('{"mode": {"name": "pw", "ecut": 250}, "kpts": [3, 3, 3]}')
    Path("unknown.json").write_text('{"mode": "pw", "cutoff": 3}')
    Path("text.json").write_text("{")
    Path("data").mkdir()
    Path("data/other").write_text("")
    Path("energies.extxyz").write_text("hello")
    return tmp_path


def run(monkeypatch, capsys, command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


COMMANDS = [
    "deepaw scf POSCAR --like-gpaw params.json",
    "deepaw bands POSCAR -o bands.png",
    "deepaw energy POSCAR -o new.extxyz",
    "deepaw data gpaw POSCAR -o new",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_gpaw_that_is_missing(folder, monkeypatch, capsys, command):
    monkeypatch.setitem(sys.modules, "gpaw.dft", None)
    code, out, err = run(monkeypatch, capsys, command)
    assert (code, out) == (2, "")
    assert err.startswith("error: This needs GPAW of 2026 or newer (")
    assert "install it with: pip install 'deepaw[gpaw]'" in err and err.count("\n") == 1
    assert not Path("new").exists()


def test_a_picture_must_be_called_so(folder, monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "deepaw bands POSCAR -o bands.pdf")
    assert code == 2 and "The output bands.pdf must be called .png" in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("deepaw scf none --like-gpaw params.json", "no structure file none"),
        ("deepaw scf POSCAR --like-gpaw none.json", "There is no file none.json with parameters of GPAW"),
        ("deepaw scf POSCAR --like-gpaw text.json", "text.json is not JSON"),
        ("deepaw data gpaw POSCAR -o data", "data has files but no settings.json"),
        ("deepaw data gpaw none -o new", "There is no structure file none"),
        ("deepaw data gpaw POSCAR -o new --cutoff 0", "--cutoff is 0 eV; it must be above 0"),
        ("deepaw data gpaw POSCAR -o new --volumes big", '--volumes is "big"; it must be ratios'),
        ("deepaw data gpaw POSCAR -o new --copies 3", "--copies 3 without --strain or --rattle"),
        ("deepaw data gpaw POSCAR -o new --workers 0", "--workers is 0; it must be 1 or more"),
    ],
)
def test_wrong_input(folder, monkeypatch, capsys, command, message):
    need_gpaw()
    code, _, err = run(monkeypatch, capsys, command)
    assert code == 2 and message in err and err.startswith("error: ") and err.count("\n") == 1


def test_data(folder, monkeypatch, capsys):
    need_gpaw()
    command = "deepaw data gpaw POSCAR -o new --cutoff 250 --kspacing 1.5 --volumes 0.95,1 --rattle 0.02"
    code, out, err = run(monkeypatch, capsys, command)
    assert (code, err) == (0, "")
    assert "2/2 POSCAR_v1_1 done" in out and "Written: new, 2 of 2 structures" in out
    assert [frame.info["name"] for frame in read("new/structures.extxyz", ":")] == ["POSCAR_v0.95_1", "POSCAR_v1_1"]
    code, out, _ = run(monkeypatch, capsys, command)
    assert code == 0 and out == "Written: new, 2 of 2 structures\n"
