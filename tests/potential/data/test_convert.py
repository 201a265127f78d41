"""Frames from anywhere as deepmd/npy, for training and validation."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from deepaw.errors import InputError
from deepaw.potential.data.convert import choose_frames, convert
from deepaw.potential.data.find import find_systems
from deepaw.potential.data.system import read_system


def frame(symbols: str, energy: float, periodic: bool = True) -> Atoms:
    """Atoms of which every number is a function of `energy`."""
    atoms = Atoms(symbols, pbc=periodic, cell=[5 + energy / 100] * 3 if periodic else None)
    atoms.positions = np.arange(3 * len(atoms)).reshape(-1, 3) + energy / 1000
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=atoms.positions * energy)
    return atoms


@pytest.fixture
def frames(tmp_path):
    """Twenty frames of water in two orders of its atoms, ten of ice, one of CO without a cell."""
    first = [frame("OH2", float(k)) for k in range(10)]
    second = [frame("H2O", float(k)) for k in range(10, 20)]
    write(tmp_path / "water.extxyz", [*first, *second])
    write(tmp_path / "other.traj", [*(frame("O2H4", float(k)) for k in range(20, 30)), frame("CO", 30.0, False)])
    return [tmp_path / "water.extxyz", tmp_path / "other.traj"]


def test_every_frame_arrives_once_with_its_labels(tmp_path, frames):
    written = convert(frames, tmp_path / "data", validation_fraction=0.2, seed=1)
    systems = {str(path.relative_to(tmp_path / "data")): read_system(path) for path in find_systems("data", tmp_path)}
    assert {name: system.nframes for name, system in systems.items()} == {
        str(system.path.relative_to(tmp_path / "data")): system.nframes for system in written
    }
    assert set(systems) == {"training/O1H2", "training/O2H4", "training/O1C1", "validation/O1H2", "validation/O2H4"}
    assert {system.type_map for system in systems.values()} == {("O", "H", "C")}
    assert sum(system.nframes for name, system in systems.items() if name.startswith("validation")) == 6
    seen = []
    for system in systems.values():
        for structure in system.frames():
            energy = float(structure.labels["energy"])
            seen.append(energy)
            np.testing.assert_allclose(structure.labels["force"], structure.coord * energy, atol=1e-5)
            original = np.arange(3 * len(structure.types)).reshape(-1, 3) + energy / 1000
            np.testing.assert_allclose(structure.coord[structure.coord[:, 0].argsort()], original, atol=1e-6)
            oxygen = {0: [0], 10: [2], 20: [0, 1], 30: [1]}[int(energy) // 10 * 10]
            assert sorted(structure.coord[structure.types == 0, 0].round().astype(int) // 3) == oxygen
            assert (structure.cell is None) == (energy == 30)
    assert sorted(seen) == [float(k) for k in range(31)]


def test_the_seed_decides_what_is_set_aside(tmp_path, frames):
    def validation(name: str, seed: int) -> list[float]:
        convert(frames, tmp_path / name, validation_fraction=0.2, seed=seed)
        folders = find_systems("validation", tmp_path / name)
        return [float(energy) for folder in folders for energy in read_system(folder).labels["energy"]]

    assert validation("a", 1) == validation("b", 1)
    assert validation("c", 2) != validation("a_again", 1)


def test_no_validation(tmp_path, frames):
    written = convert(frames, tmp_path / "data", validation_fraction=0)
    assert {system.path.parent.name for system in written} == {"training"}
    assert sum(system.nframes for system in written) == 31


def test_a_given_type_map(tmp_path, frames):
    convert(frames, tmp_path / "data", type_map=["He", "C", "H", "O"])
    assert {read_system(path).type_map for path in find_systems("data", tmp_path)} == {("He", "C", "H", "O")}
    with pytest.raises(InputError, match="atoms of type C, which is not in the type map O H"):
        convert(frames, tmp_path / "none", type_map=["O", "H"])
    assert not (tmp_path / "none").exists()


def test_frames_that_differ_in_their_labels_stay_apart(tmp_path):
    without = frame("OH2", 2.0)
    del without.calc.results["forces"]
    write(tmp_path / "mixed.traj", [frame("OH2", 1.0), without, frame("OH2", 3.0, periodic=False)])
    convert([tmp_path / "mixed.traj"], tmp_path / "data")
    systems = {path.name: read_system(path) for path in find_systems("data/training", tmp_path)}
    assert {name: (list(s.labels), s.is_periodic) for name, s in systems.items()} == {
        "O1H2": (["energy", "force"], True),
        "O1H2_2": (["energy"], True),
        "O1H2_3": (["energy", "force"], False),
    }


def test_no_system_is_set_aside_whole():
    chosen = choose_frames([1, 5, 1, 40], 0.95, seed=0)
    assert [len(frames) for frames in chosen] == [0, 4, 0, 39]
    assert [len(frames) for frames in choose_frames([3, 3], 0.01, seed=0)] in ([1, 0], [0, 1])
    assert [len(frames) for frames in choose_frames([1], 0.5, seed=0)] == [0]


@pytest.mark.parametrize("fraction", [1.0, -0.1, float("nan")])
def test_a_fraction_that_is_none(tmp_path, frames, fraction):
    with pytest.raises(InputError, match="The validation fraction is"):
        convert(frames, tmp_path / "data", validation_fraction=fraction)


def test_an_output_folder_that_is_not_empty(tmp_path, frames):
    (tmp_path / "empty").mkdir()
    convert(frames, tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="empty is not empty; give a new one"):
        convert(frames, tmp_path / "empty")
    with pytest.raises(InputError, match=r"The folder .*nowhere for the output data does not exist"):
        convert(frames, tmp_path / "nowhere" / "data")
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path, frames, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("deepaw.potential.data.convert._write", full)
    with pytest.raises(InputError, match="data cannot be written: the disk is full"):
        convert(frames, tmp_path / "data")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_hdf5_file_holds_what_a_folder_would(tmp_path, frames):
    options = {"validation_fraction": 0.2, "seed": 1}
    folder = convert(frames, tmp_path / "data", **options)
    file = convert(frames, tmp_path / "data.hdf5", **options)
    assert [str(system.path).replace("data.hdf5#", "data") for system in file] == [
        str(system.path) for system in folder
    ]
    assert [(system.nframes, system.labels) for system in file] == [(s.nframes, s.labels) for s in folder]
    for one, other in zip(file, folder, strict=True):
        a, b = read_system(one.path), read_system(other.path)
        assert (a.type_map, a.is_periodic, list(a.labels)) == (b.type_map, b.is_periodic, list(b.labels))
        np.testing.assert_array_equal(a.coord, b.coord)
        np.testing.assert_array_equal(a.labels["force"], b.labels["force"])
    # and back again, of the whole file or a part of it
    again = convert([tmp_path / "data.hdf5"], tmp_path / "again")
    assert sum(system.nframes for system in again) == 31
    [part] = convert([Path(f"{tmp_path}/data.hdf5#/validation/O1H2")], tmp_path / "part.h5")
    assert str(part.path) == f"{tmp_path}/part.h5#/training/O1H2"
    np.testing.assert_array_equal(
        read_system(part.path).coord, read_system(tmp_path / "data" / "validation" / "O1H2").coord
    )


def test_an_hdf5_file_that_is_there_already(tmp_path, frames):
    (tmp_path / "data.hdf5").touch()
    with pytest.raises(InputError, match=r"The output file .*data\.hdf5 is there already; give a new one\."):
        convert(frames, tmp_path / "data.hdf5")
    assert (tmp_path / "data.hdf5").read_bytes() == b""
