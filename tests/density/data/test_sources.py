"""Densities from databases, extxyz with npz, CHGCAR and cube: what is read, and what is said when it cannot be."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.io import write

from deepaw.density.data.sources import read_examples
from deepaw.density.files.chgcar import write_chgcar
from deepaw.density.files.cube import write_cube
from deepaw.errors import InputError

SHAPE = (3, 4, 5)


@pytest.fixture
def mgo() -> Atoms:
    return bulk("MgO", "rocksalt", 4.2)


def density(atoms: Atoms, electrons: float = 8.0) -> np.ndarray:
    values = np.random.default_rng(0).uniform(0.5, 1.5, SHAPE)
    return values * electrons / (values.mean() * atoms.get_volume())


def error_of(*paths: Path) -> str:
    """The sentence said when the densities there are read."""
    with pytest.raises(InputError) as caught:
        for example in read_examples(*paths):
            example.density()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def write_frames(folder: Path, atoms: Atoms, *infos: dict) -> None:
    """An extxyz file with a frame for every set of infos, and a density for every name."""
    (folder / "density").mkdir(parents=True, exist_ok=True)
    frames = []
    for info in infos:
        frame = atoms.copy()
        frame.info = info
        frames.append(frame)
        if "name" in info:
            np.savez(folder / "density" / f"{info['name']}.npz", density=density(atoms).astype(np.float32))
    write(folder / "structures.extxyz", frames)


def test_extxyz_and_npz_by_folder_and_by_file(tmp_path, mgo):
    write_frames(tmp_path, mgo, {"name": "a_1", "prototype": "B1", "nelectrons": 8}, {"name": "a_2"}, {"name": "b"})
    for path in (tmp_path, tmp_path / "structures.extxyz"):
        examples = read_examples(path)
        assert [(e.name, e.kind, e.electrons) for e in examples] == [
            ("a_1", "B1", 8.0),
            ("a_2", "a", None),
            ("b", "MgO", None),
        ]
        for example in examples:
            assert example.density().dtype == np.float32
            assert np.allclose(example.density(), density(mgo), rtol=1e-6)
            assert example.electron_count() == pytest.approx(8, rel=1e-6)


def test_database(tmp_path, mgo):
    chg, shape = density(mgo), dict(zip(("nx", "ny", "nz"), SHAPE, strict=True))
    with connect(tmp_path / "train.db") as database:
        database.write(mgo, data={"chg": chg.ravel(), **shape})
        database.write(
            mgo,
            key_value_pairs={"name": "salt_9", "prototype": "B1", "nelectrons": 8, **shape},
            data={"chg": chg.ravel()},
        )
    first, second = read_examples(tmp_path / "train.db")
    assert (first.name, first.kind, first.electrons) == ("train-1", "MgO", None)
    assert (second.name, second.kind, second.electrons) == ("salt_9", "B1", 8.0)
    for example in (first, second):
        assert np.allclose(example.density(), chg, rtol=1e-6)
        assert np.allclose(example.atoms.positions, mgo.positions)


def test_chgcar_and_cube_files(tmp_path, mgo):
    chg = density(mgo)
    (tmp_path / "mp-7").mkdir()
    for path in ("CHGCAR_salt_1", "CHGCAR", "mp-7/CHGCAR"):
        write_chgcar(tmp_path / path, mgo, SHAPE, [chg])
    write_cube(tmp_path / "salt_2.cube", mgo, SHAPE, [chg])
    (tmp_path / "notes.txt").write_text("not a density")
    examples = {example.name: example for example in read_examples(tmp_path)}
    kinds = {name: example.kind for name, example in examples.items()}
    assert kinds == {"salt_1": "salt", tmp_path.name: examples[tmp_path.name].kind, "mp-7": "MgO", "salt_2": "salt"}
    for example in examples.values():
        assert np.allclose(example.density(), chg, rtol=1e-4)
        assert example.electron_count() == pytest.approx(8, rel=1e-4)
    assert read_examples(tmp_path / "salt_2.cube")[0].name == "salt_2"
    assert read_examples(tmp_path / "mp-7" / "CHGCAR")[0].name == "mp-7"


def test_densities_are_read_once_while_they_fit(tmp_path, mgo):
    write_frames(tmp_path, mgo, {"name": "a"})
    (example,) = read_examples(tmp_path)
    first = example.density()
    (tmp_path / "density" / "a.npz").unlink()
    assert example.density() is first


def test_several_places_and_equal_names(tmp_path, mgo):
    write_frames(tmp_path / "one", mgo, {"name": "a"})
    write_frames(tmp_path / "two", mgo, {"name": "b"})
    assert [example.name for example in read_examples(tmp_path / "one", tmp_path / "two")] == ["a", "b"]
    write_frames(tmp_path / "two", mgo, {"name": "a"})
    assert "both called a" in error_of(tmp_path / "one", tmp_path / "two")


def test_nothing_there(tmp_path, mgo):
    assert "There is no data" in error_of(tmp_path / "none")
    assert "holds no densities" in error_of(tmp_path)
    with connect(tmp_path / "empty.db") as database:
        database.delete([database.write(mgo)])
    assert "holds no densities" in error_of(tmp_path / "empty.db")
    (tmp_path / "README.txt").write_text("hello\n")
    assert "is not a CHGCAR" in error_of(tmp_path / "README.txt")


def test_database_rows_that_are_incomplete(tmp_path, mgo):
    def row(**written) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
        with connect(path) as database:
            database.write(mgo, **written)
        return path

    shape = dict(zip(("nx", "ny", "nz"), SHAPE, strict=True))
    assert "row 1 has no grid" in error_of(row())
    assert "row 1 has no grid" in error_of(row(data={"chg": np.ones(60)}))
    assert "row 1 has no density" in error_of(row(data=shape))
    assert "59 values" in error_of(row(data={"chg": np.ones(59), **shape}))
    assert "1 values that are not finite" in error_of(row(data={"chg": np.r_[np.ones(59), np.nan], **shape}))


def test_frames_that_are_incomplete(tmp_path, mgo):
    write_frames(tmp_path, mgo, {"name": "a"}, {})
    assert "frame 2 has no name" in error_of(tmp_path)
    write_frames(tmp_path, mgo, {"name": "a"})
    file = tmp_path / "density" / "a.npz"
    file.unlink()
    assert "there is no" in error_of(tmp_path)
    assert str(file) in error_of(tmp_path)
    (tmp_path / "structures.extxyz").write_text("two\nlines\n")
    assert "cannot be read as extxyz" in error_of(tmp_path)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones(60), "shape (60,)"),
        (np.ones((0, 4, 5)), "shape (0, 4, 5)"),
        (np.ones(SHAPE, dtype=complex), "complex128"),
        (np.full(SHAPE, np.inf), "60 values that are not finite"),
        (np.full(SHAPE, 30.0), "where 8 are given; the density must be in e/A^3"),
    ],
)
def test_arrays_that_are_no_density(tmp_path, mgo, array, said):
    write_frames(tmp_path, mgo, {"name": "a", "nelectrons": 8})
    np.savez(tmp_path / "density" / "a.npz", density=array)
    assert said in error_of(tmp_path)


class Trap:
    """An object whose unpickling would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_npz_files_that_are_none(tmp_path, mgo):
    write_frames(tmp_path, mgo, {"name": "a"})
    file = tmp_path / "density" / "a.npz"
    whole = file.read_bytes()
    np.savez(file, rho=density(mgo))
    assert "no array named 'density'" in error_of(tmp_path)
    for content in (b"", b"hello", whole[: len(whole) // 2], pickle.dumps(Trap(tmp_path / "sprung"))):
        file.write_bytes(content)
        assert "is not an npz file of plain numbers" in error_of(tmp_path)
    np.savez(file, density=np.array([Trap(tmp_path / "sprung")], dtype=object))
    assert "is not an npz file of plain numbers" in error_of(tmp_path)
    assert not (tmp_path / "sprung").exists()
