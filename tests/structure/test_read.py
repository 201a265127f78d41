"""Reading structures and database rows: what comes back, and what is said when it cannot."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.io import write

from deepaw.errors import InputError
from deepaw.structure.read import list_database, read_database_row, read_structure


@pytest.fixture
def mgo() -> Atoms:
    return bulk("MgO", "rocksalt", 4.2, cubic=True)


def error_of(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize("name", ["POSCAR", "POSCAR_7", "mgo.vasp", "mgo.cif", "mgo.xyz", "mgo.cube"])
def test_formats(tmp_path, mgo, name):
    path = tmp_path / name
    is_vasp = "POSCAR" in name or name.endswith(".vasp")
    write(path, mgo, format="vasp" if is_vasp else None)
    atoms = read_structure(path)
    assert sorted(atoms.symbols) == sorted(mgo.symbols)
    assert np.allclose(atoms.cell, mgo.cell, atol=1e-6)


def test_header_of_a_density_file_is_a_structure(tmp_path, mgo):
    write(tmp_path / "CHGCAR", mgo, format="vasp")
    assert len(read_structure(tmp_path / "CHGCAR")) == 8


def test_missing_file_and_folder(tmp_path):
    assert "no structure file" in error_of(read_structure, tmp_path / "POSCAR")
    assert "is a folder" in error_of(read_structure, tmp_path)


@pytest.mark.parametrize(
    "text", ["", "hello\nworld\n", "MgO\n1.0\n4 0 0\n0 4 0\n0 0 4\nMg O\n1 1\nDirect\n0 0 0\n", "\x00\x01"]
)
def test_unreadable_file_is_named(tmp_path, text):
    path = tmp_path / "POSCAR"
    path.write_text(text)
    assert str(path) in error_of(read_structure, path)


def test_zero_volume_poscar(tmp_path):
    path = tmp_path / "POSCAR"
    path.write_text("MgO\n1.0\n4 0 0\n0 4 0\n4 4 0\nMg O\n1 1\nDirect\n0 0 0\n.5 .5 .5\n")
    assert "zero volume" in error_of(read_structure, path)


def test_nan_in_a_poscar(tmp_path):
    path = tmp_path / "POSCAR"
    path.write_text("MgO\n1.0\n4 0 0\n0 4 0\n0 0 4\nMg O\n1 1\nDirect\n0 0 0\n.5 nan .5\n")
    assert "atom 2 (O)" in error_of(read_structure, path)


def test_database_row_with_density(tmp_path, mgo):
    path = tmp_path / "train.db"
    density = np.arange(24.0).reshape(2, 3, 4)
    with connect(path) as database:
        database.write(mgo, data={"chg": density.ravel(), "nx": 2, "ny": 3, "nz": 4})
        database.write(mgo, key_value_pairs={"nx": 2, "ny": 3, "nz": 4}, data={"chg": density.ravel()})
        database.write(mgo, key_value_pairs={"nx": 5, "ny": 6, "nz": 7})
        database.write(mgo)
    for row_id in (1, 2):
        row = read_database_row(path, row_id)
        assert row.grid_shape == (2, 3, 4)
        assert np.array_equal(row.density, density)
        assert len(row.atoms) == 8
    assert read_database_row(path, 3).grid_shape == (5, 6, 7)
    assert read_database_row(path, 3).density is None
    assert read_database_row(path, 4).grid_shape is None


def test_database_errors(tmp_path, mgo):
    path = tmp_path / "train.db"
    with connect(path) as database:
        database.write(mgo, key_value_pairs={"nx": 0, "ny": 6, "nz": 7})
        database.write(mgo, data={"chg": np.zeros(5), "nx": 2, "ny": 3, "nz": 4})
        database.write(mgo, key_value_pairs={"nx": 4})
        database.write(Atoms("H2", [[0, 0, 0], [0, 0, 0]]))
    text = error_of(read_database_row, path, 9)
    assert "id 9" in text
    assert "1 to 4" in text
    assert "nx = 0" in error_of(read_database_row, path, 1)
    assert "5 values" in error_of(read_database_row, path, 2)
    assert "ny = None" in error_of(read_database_row, path, 3)
    assert "one spot" in error_of(read_database_row, path, 4)


def test_a_database_that_is_not_there_is_not_created(tmp_path):
    path = tmp_path / "none.db"
    assert "no database file" in error_of(read_database_row, path, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database at all, not even close to one"])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "some.db"
    path.write_bytes(content)
    assert str(path) in error_of(read_database_row, path, 1)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_all_rows_without_their_data(tmp_path, mgo):
    path = tmp_path / "train.db"
    with connect(path) as database:
        database.write(mgo, key_value_pairs={"name": "salt"}, data={"chg": np.zeros(5), "nx": 2, "ny": 3, "nz": 4})
        database.write(mgo)
        database.delete([database.write(mgo)])
        database.write(bulk("Si"))
    entries = list_database(path)
    assert [(entry.row_id, len(entry.atoms)) for entry in entries] == [(1, 8), (2, 8), (4, 2)]
    assert entries[0].keys["name"] == "salt"


def test_listing_refuses_what_reading_a_row_refuses(tmp_path, mgo):
    path = tmp_path / "train.db"
    assert "no database file" in error_of(list_database, path)
    path.write_bytes(b"not a database at all")
    assert "cannot be read as an ASE database" in error_of(list_database, path)
    with connect(tmp_path / "spot.db") as database:
        database.write(mgo)
        database.write(Atoms("H2", [[0, 0, 0], [0, 0, 0]]))
    assert "row 2" in error_of(list_database, tmp_path / "spot.db")
