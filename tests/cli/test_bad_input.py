"""Wrong input through the command line: one sentence on stderr, exit code 2, nothing left behind."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.db import connect
from ase.io import write

from deepaw.cli import app as deepaw_command
from deepaw.cli import predict as predict_command
from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.chgcar import write_chgcar

POSCAR = "MgO\n1.0\n4.2 0 0\n0 4.2 0\n{c}\nMg O\n1 1\nDirect\n0 0 0\n{o}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with one example of everything that can be wrong."""
    monkeypatch.chdir(tmp_path)
    mgo = bulk("MgO", "rocksalt", 4.2)
    write("good.vasp", mgo, format="vasp")
    Path("twice.vasp").write_text(POSCAR.format(c="0 0 4.2", o="1 0 1"))
    Path("flat.vasp").write_text(POSCAR.format(c="4.2 4.2 0", o=".5 .5 .5"))
    Path("nan.vasp").write_text(POSCAR.format(c="0 0 4.2", o=".5 nan .5"))
    write("water.xyz", molecule("H2O"))
    with connect("rows.db") as database:
        database.write(mgo)
    write_chgcar("CHGCAR_plain", mgo, (4, 4, 4), [np.ones((4, 4, 4))])
    occupancies = "augmentation occupancies   1   1\n  0.1000000E+00\n"
    write_chgcar(
        "CHGCAR_Al", bulk("Al"), (4, 4, 4), [np.ones((4, 4, 4))], augmentation=Augmentation(("Al",), occupancies)
    )
    return tmp_path


def run(monkeypatch, capsys, command: str, main=predict_command.main) -> str:
    """The one line on stderr of a command that must be refused."""
    before = {path: path.stat().st_mtime_ns for path in Path().iterdir()}
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    assert caught.value.code == 2, err
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in Path().iterdir()} == before
    return err


CASES = [
    ("--poscar none.vasp", "no structure file none.vasp"),
    ("--poscar .", "is a folder"),
    ("--poscar twice.vasp", "atom 1 (Mg) and atom 2 (O) sit on one spot"),
    ("--poscar flat.vasp", "zero volume"),
    ("--poscar nan.vasp", "atom 2 (O)"),
    ("--poscar water.xyz", "vacuum"),
    ("--poscar good.vasp --grid 0 10 10", "The grid is 0 10 10"),
    ("--poscar good.vasp --grid 10 -1 10", "The grid is 10 -1 10"),
    ("--poscar good.vasp --encut -3", "-3 eV"),
    ("--poscar good.vasp --like good.vasp", "is not a CHGCAR"),
    ("--poscar good.vasp --like none", "no CHGCAR file none"),
    ("--poscar good.vasp --like CHGCAR_plain --encut 500", "--like and --encut"),
    ("--poscar good.vasp --like none.cube", "no cube file none.cube"),
    ("--poscar good.vasp --ecutrho 0 -o charge-density.hdf5", "--ecutrho, is 0 Ry"),
    ("--poscar good.vasp --ecutrho 100 --grid 8 8 8", "--grid and --ecutrho each choose the grid"),
    ("--poscar good.vasp --grid 8 8 8 -o charge-density.dat", "give that of the density with --ecutrho in Ry"),
    ("--poscar good.vasp --id 1", "--id 1 goes with --db"),
    ("--poscar good.vasp --db rows.db --id 1", "One structure is needed"),
    ("--grid 8 8 8", "One structure is needed"),
    ("--db none.db --id 1", "no database file none.db"),
    ("--db good.vasp --id 1", "cannot be read as an ASE database"),
    ("--db rows.db --id 7", "no row with id 7"),
    ("--db rows.db --id 1", "row 1 of rows.db has no grid"),
    ("--db rows.db", "--id N"),
    ("--poscar good.vasp -o nowhere/CHGCAR", "The folder nowhere for the output CHGCAR does not exist"),
    ("--poscar good.vasp -o rho.xsf", "rho.xsf does not say a density format"),
    ("--poscar good.vasp -o /dev/null --format npy", "is a device"),
    ("--poscar good.vasp --format npy", "needs an output file"),
    ("--poscar good.vasp --augmentation-from CHGCAR_Al", "needs an output file"),
    ("--poscar good.vasp -o CHGCAR --augmentation-from none", "no CHGCAR file none"),
    ("--poscar good.vasp -o CHGCAR --augmentation-from CHGCAR_plain", "no augmentation occupancies"),
    ("--poscar good.vasp -o CHGCAR --augmentation-from CHGCAR_Al", "1 atoms, but the structure has 2"),
    ("--poscar good.vasp -o rho.cube --augmentation-from CHGCAR_Al", "Only a CHGCAR holds"),
]


@pytest.mark.parametrize(("arguments", "said"), CASES)
def test_one_sentence_and_nothing_left(folder, monkeypatch, capsys, arguments, said):
    assert said in run(monkeypatch, capsys, f"deepaw-predict {arguments}")


def test_the_same_through_deepaw_predict(folder, monkeypatch, capsys):
    text = run(monkeypatch, capsys, "deepaw predict --poscar none.vasp", deepaw_command.main)
    assert "no structure file none.vasp" in text
