"""`deepaw data` from arguments to output."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from deepaw.cli.app import main
from deepaw.potential.data.system import read_system
from potential.systems import water, write_system


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A good system, one with a broken frame, frames of ASE and a file that is neither."""
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path / "data" / "good", water(3, molecules=2))
    broken = write_system(tmp_path / "broken", water(2, molecules=1))
    force = np.load(broken / "set.000" / "force.npy")
    force[1, 0] = np.nan
    np.save(broken / "set.000" / "force.npy", force)
    frames = [Atoms("OH2", np.eye(3) * k, cell=[6, 6, 6], pbc=True) for k in range(1, 11)]
    for k, atoms in enumerate(frames):
        atoms.calc = SinglePointCalculator(atoms, energy=-k, forces=np.full((3, 3), k))
    write("frames.extxyz", frames)
    Path("output.log").write_text("nothing")
    return tmp_path


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `deepaw data`."""
    monkeypatch.setattr(sys, "argv", ["deepaw", "data", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_info(folder, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "info", "data", "--rcut", "4", "--type-map", "H,O")
    assert (code, err) == (0, "")
    assert "1 system, 3 frames, types H O" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["data/good", "H4", "O2", "periodic", "3", "6"] in [line[:6] for line in lines]
    assert [line[0] for line in lines if line and "-" in line[0]] == ["H-H", "H-O", "O-O"]
    assert "no frame looks broken" in out


def test_info_of_broken_frames(folder, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "info", "data", "broken")
    assert code == 0
    assert "2 systems, 5 frames, types O H" in out
    assert "warning: broken, frame 2: a number that is not finite (NaN or infinite), in force" in out


def test_convert(folder, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "convert", "frames.extxyz", "-o", "new", "--validation-fraction", "0.3")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "types: O H",
        "training: 7 frames",
        "  new/training/O1H2: 7 frames, energy, force",
        "validation: 3 frames",
        "  new/validation/O1H2: 3 frames, energy, force",
    ]
    assert read_system("new/training/O1H2").nframes == 7


def test_hdf5(folder, monkeypatch, capsys):
    code, out, err = run(
        monkeypatch, capsys, "convert", "frames.extxyz", "-o", "new.hdf5", "--validation-fraction", "0.3"
    )
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "types: O H",
        "training: 7 frames",
        "  new.hdf5#/training/O1H2: 7 frames, energy, force",
        "validation: 3 frames",
        "  new.hdf5#/validation/O1H2: 3 frames, energy, force",
    ]
    for place, count in (("new.hdf5", "2 systems, 10 frames"), ("new.hdf5#/training", "1 system, 7 frames")):
        code, out, err = run(monkeypatch, capsys, "info", place)
        assert (code, err) == (0, "") and f"{count}, types O H" in out and "new.hdf5#/training/O1H2" in out
    code, _, err = run(monkeypatch, capsys, "convert", "frames.extxyz", "-o", "new.hdf5")
    assert code == 2 and "The output file new.hdf5 is there already; give a new one." in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "nowhere"), "There is no folder nowhere"),
        (("info", "data", "--rcut", "0"), "The cutoff is 0 A; it must be above 0"),
        (("info", "data", "--type-map", "O"), "atoms of type H, which is not in the type map O"),
        (("info", "data", "--type-map", "O O"), "should name each type once"),
        (("convert", "output.log", "-o", "new"), "does not say what its format is"),
        (("convert", "output.log", "-o", "new", "--format", "vasp/xml"), "output.log cannot be read as vasp/xml"),
        (("convert", "frames.extxyz", "-o", "data"), "The output folder data is not empty"),
        (("convert", "frames.extxyz", "-o", "new", "--validation-fraction", "2"), "The validation fraction is 2"),
    ],
)
def test_one_sentence_and_nothing_left(folder, monkeypatch, capsys, arguments, said):
    before = sorted(folder.rglob("*"))
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
