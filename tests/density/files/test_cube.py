"""Gaussian cube files."""

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import read_cube_data
from ase.units import Bohr
from pymatgen.io.common import VolumetricData

from deepaw.density.files.cube import read_cube, write_cube
from deepaw.errors import InputError

CELL = [5.117, 5.175, 5.292, 90, 99.2, 90]


@pytest.fixture
def atoms() -> Atoms:
    return Atoms("Hf2O", scaled_positions=np.random.default_rng(3).random((3, 3)), cell=CELL, pbc=True)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 13), (3, 2, 1)])
def test_read_back_by_ase_pymatgen_and_us(tmp_path, atoms, shape):
    path = tmp_path / "rho.cube"
    rho = np.random.default_rng(0).normal(size=shape)
    write_cube(path, atoms, shape, np.split(rho, [shape[2] // 2], axis=2) if shape[2] > 1 else [rho])
    in_bohr, by_ase = read_cube_data(path.open())
    assert np.allclose(in_bohr, rho * Bohr**3, rtol=1e-5)
    assert np.allclose(by_ase.positions, atoms.positions, atol=1e-6)
    assert np.allclose(by_ase.cell, atoms.cell, atol=1e-6)
    by_pymatgen = VolumetricData.from_cube(path)
    assert np.allclose(by_pymatgen.data["total"], rho * Bohr**3, rtol=1e-5)
    ours, values = read_cube(path)
    assert np.allclose(values, rho, rtol=1e-5)
    assert list(ours.symbols) == list(atoms.symbols)
    assert np.allclose(ours.positions, atoms.positions, atol=1e-6)
    assert ours.pbc.all()


def test_origin_and_lengths_in_angstrom(tmp_path):
    """A negative number of points says A; positions are relative to the origin."""
    path = tmp_path / "rho.cube"
    path.write_text(
        "c\nc\n 1 1.0 0.0 0.0\n -2 1.5 0 0\n -2 0 2.0 0\n -3 0 0 1.0\n 8 8.0 1.5 0.0 0.0\n" + "1.0 2.0 3.0\n" * 4
    )
    atoms, values = read_cube(path)
    assert np.allclose(atoms.cell.lengths(), [3, 4, 3])
    assert np.allclose(atoms.positions, [[0.5, 0, 0]])
    assert np.allclose(values[1, 0] * Bohr**3, [1, 2, 3])


def test_the_layout_that_cp2k_counts_on(tmp_path, atoms):
    """Its parallel reader takes 13 columns a number, 6 numbers a line, a new line for every (x, y); the origin is 0."""
    shape, electrons = (3, 4, 8), 22.0
    rho = np.random.default_rng(0).random(shape)
    rho[0, 0, 0] = -1.5e-12
    rho *= electrons / (rho.mean() * atoms.get_volume())
    write_cube(tmp_path / "rho.cube", atoms, shape, [rho])
    lines = (tmp_path / "rho.cube").read_text().splitlines()
    assert [float(word) for word in lines[2].split()] == [len(atoms), 0, 0, 0]
    sizes, steps = zip(
        *((int(line.split()[0]), [float(x) for x in line.split()[1:]]) for line in lines[3:6]), strict=True
    )
    assert sizes == shape
    assert np.allclose(steps, atoms.cell.array / np.array(shape)[:, None] / Bohr, atol=1e-7)
    rows = lines[6 + len(atoms) :]
    assert [len(row) for row in rows] == [6 * 13, 2 * 13] * 12
    values = [float(row[start : start + 13]) for row in rows for start in range(0, len(row), 13)]
    assert sum(values) * abs(np.linalg.det(steps)) == pytest.approx(electrons, rel=1e-5)


def test_bad_files(tmp_path, atoms):
    path = tmp_path / "rho.cube"
    with pytest.raises(InputError, match="no cube file"):
        read_cube(path)
    path.write_text("hello\n")
    with pytest.raises(InputError, match="not a cube file"):
        read_cube(path)
    write_cube(path, atoms, (4, 5, 6), [np.ones((4, 5, 6))])
    whole = path.read_text()
    path.write_text(whole[:-100])
    with pytest.raises(InputError, match="ends after"):
        read_cube(path)
    path.write_text(whole.replace("    3     0.0", "   -3     0.0"))
    with pytest.raises(InputError, match="orbitals"):
        read_cube(path)


def test_wrong_blocks_leave_nothing(tmp_path, atoms):
    with pytest.raises(ValueError, match="does not fit"):
        write_cube(tmp_path / "rho.cube", atoms, (4, 5, 6), [np.ones((4, 5, 7))])
    assert list(tmp_path.iterdir()) == []


def test_comments_in_any_encoding(tmp_path, atoms):
    path = tmp_path / "rho.cube"
    write_cube(path, atoms, (4, 5, 6), [np.ones((4, 5, 6))])
    _, _, rest = path.read_text().partition("\n")
    for content in (("氧化铪\n" + rest).encode("gbk"), ("氧化铪\n" + rest).encode("utf-16")):
        path.write_bytes(content)
        assert np.allclose(read_cube(path)[1], 1, rtol=1e-5)
