"""Systems in HDF5 files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from dpdata import LabeledSystem

from deepaw.errors import InputError
from deepaw.potential.data import scan, scanrecord
from deepaw.potential.data.arrayfile import read_header
from deepaw.potential.data.config import DataInput
from deepaw.potential.data.find import find_systems
from deepaw.potential.data.hdf5 import HDF5Path, system_path
from deepaw.potential.data.scan import scan_systems
from deepaw.potential.data.system import System, open_system, read_system
from potential.data.hdf5systems import pack
from potential.systems import labelled, water, write_mixed_system, write_system

STORAGES = [{}, {"chunks": True, "compression": "gzip"}]


def assert_same(one: System, other: System) -> None:
    assert (one.nframes, one.natoms, one.type_map, one.is_periodic) == (
        other.nframes,
        other.natoms,
        other.type_map,
        other.is_periodic,
    )
    for a, b in zip(one.frames(), other.frames(), strict=True):
        np.testing.assert_array_equal(a.types, b.types)
        np.testing.assert_array_equal(a.coord, b.coord)
        assert (a.cell is None) == (b.cell is None) and (a.cell is None or np.array_equal(a.cell, b.cell))
        assert a.labels.keys() == b.labels.keys()
        for name, label in a.labels.items():
            np.testing.assert_array_equal(label, b.labels[name])
    for name, label in one.labels.items():
        np.testing.assert_array_equal(label, other.labels[name])


@pytest.mark.parametrize("storage", STORAGES)
def test_a_group_is_what_its_folder_is(tmp_path, storage):
    write_system(tmp_path / "box", water(7, molecules=2), sets=2)
    write_system(tmp_path / "free", water(3, molecules=2, periodic=False), type_map=None)
    write_mixed_system(tmp_path / "mixed", [water(2, molecules=1), water(3, molecules=3)])
    names = ("box", "free", "mixed")
    places = [pack(tmp_path / name, tmp_path / "all.hdf5", f"/some/{name}", **storage) for name in names]
    for name, place in zip(names, places, strict=True):
        assert_same(read_system(place), read_system(tmp_path / name))
    assert_same(read_system(f"{tmp_path}/all.hdf5#some/box/"), read_system(tmp_path / "box"))


def test_a_file_that_is_one_system(tmp_path):
    write_system(tmp_path / "water", water(2))
    pack(tmp_path / "water", tmp_path / "water.h5")
    assert find_systems("water.h5", tmp_path) == [HDF5Path(tmp_path / "water.h5")]
    assert_same(read_system(tmp_path / "water.h5"), read_system(tmp_path / "water"))


def test_what_dpdata_writes(tmp_path):
    frames = water(3, molecules=2)
    write_system(tmp_path / "water", frames)
    with h5py.File(tmp_path / "water.hdf5", "w") as file:
        LabeledSystem(str(tmp_path / "water"), fmt="deepmd/npy").to("deepmd/hdf5", file.create_group("a"))
    assert_same(read_system(f"{tmp_path}/water.hdf5#/a"), read_system(tmp_path / "water"))


@pytest.mark.parametrize(("storage", "is_mapped"), [(STORAGES[0], True), (STORAGES[1], False)])
def test_frames_are_read_when_they_are_used(tmp_path, storage, is_mapped):
    write_system(tmp_path / "water", water(4))
    pack(tmp_path / "water", tmp_path / "water.hdf5", "/a", **storage)
    header = read_header(HDF5Path(tmp_path / "water.hdf5") / "a/set.000/force.npy")
    assert (header.offset is not None) == is_mapped
    rows = header.rows(1, 3, 4)
    assert (not rows.flags.owndata) if is_mapped else rows.shape == (2, header.shape[1])
    np.testing.assert_array_equal(rows, np.load(tmp_path / "water/set.000/force.npy")[1:3])


def test_systems_of_a_file_by_entry_and_pattern(tmp_path):
    write_system(tmp_path / "water", water(1, molecules=1))
    for group in ("/train/a", "/train/b1", "/valid/b2", "/train/a/inner"):
        pack(tmp_path / "water", tmp_path / "all.hdf5", group)

    def groups(*arguments: object) -> list[str]:
        return [str(place).partition("#")[2] for place in find_systems(*arguments)]

    assert groups("all.hdf5", tmp_path) == ["/train/a", "/train/a/inner", "/train/b1", "/valid/b2"]
    assert groups(["all.hdf5#/valid", "all.hdf5#/train/a"], tmp_path) == ["/valid/b2", "/train/a", "/train/a/inner"]
    assert groups("all.hdf5", tmp_path, ["b*"]) == ["/train/b1", "/valid/b2"]
    assert groups("all.hdf5#/train", tmp_path, ["a/*"]) == ["/train/a/inner"]
    assert [system.name for system in DataInput(systems="all.hdf5#/valid").read(tmp_path, None)] == [
        f"{tmp_path}/all.hdf5#/valid/b2"
    ]


def test_a_folder_may_have_a_number_sign_in_its_name(tmp_path):
    write_system(tmp_path / "run#1" / "water", water(1, molecules=1))
    pack(tmp_path / "run#1" / "water", tmp_path / "run#1" / "all.hdf5", "/a")
    assert system_path("run#1", tmp_path) == tmp_path / "run#1"
    assert read_system(tmp_path / "run#1" / "water").nframes == 1
    assert read_system(f"{tmp_path}/run#1/all.hdf5#/a").nframes == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("none.hdf5", "There is no folder .*none.hdf5; a system is a folder with type.raw and set.*"),
        ("none.hdf5#/a", "There is no folder .*none.hdf5#/a; a system is a folder"),
        ("text.hdf5", "text.hdf5 is not an HDF5 file; systems are in one, or each in a folder"),
        ("all.hdf5#/c", r"all.hdf5 has no group /c; what it has is /a, /b\."),
        ("all.hdf5#/a/type.raw", "all.hdf5 has no group /a/type.raw"),
        ("all.hdf5#/b", "There is no system in .*all.hdf5#/b, that is no folder with type.raw"),
    ],
)
def test_what_is_wrong_with_an_entry(tmp_path, entry, said):
    write_system(tmp_path / "water", water(1, molecules=1))
    pack(tmp_path / "water", tmp_path / "all.hdf5", "/a")
    with h5py.File(tmp_path / "all.hdf5", "a") as file:
        file.create_group("b")
    (tmp_path / "text.hdf5").write_text("no\n")
    with pytest.raises(InputError, match=said):
        find_systems(entry, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("type.raw", None, "all.hdf5#/a has no type.raw"),
        ("type.raw", {}, "all.hdf5#/a/type.raw cannot be read as text"),
        ("type.raw", [0.5], "all.hdf5#/a/type.raw gives 0.5 as the type of atom 1"),
        ("set.000/coord.npy", None, "There is no .*all.hdf5#/a/set.000/coord.npy"),
        ("set.000/coord.npy", ["x"], "all.hdf5#/a/set.000/coord.npy does not hold an array of real numbers"),
        ("set.000/energy.npy", np.zeros(3), r"all.hdf5#/a/set.000/energy.npy has the shape \(3,\)"),
        ("set.000/energy.npy", np.array([0, np.nan]), r"energy.npy, frame 2 has a number that is not finite"),
    ],
)
def test_what_is_wrong_with_a_system(tmp_path, name, value, said):
    write_system(tmp_path / "water", water(2, molecules=1))
    place = pack(tmp_path / "water", tmp_path / "all.hdf5", "/a")
    with h5py.File(tmp_path / "all.hdf5", "a") as file:
        del file[f"a/{name}"]
        if isinstance(value, dict):
            file.create_group(f"a/{name}")
        elif value is not None:
            file[f"a/{name}"] = value
    with pytest.raises(InputError, match=said):
        read_system(place)


def test_a_file_that_is_gone(tmp_path):
    write_system(tmp_path / "water", water(2, molecules=1))
    system = open_system(pack(tmp_path / "water", tmp_path / "gone.hdf5", "/a"))
    (tmp_path / "gone.hdf5").unlink()
    with pytest.raises(InputError, match=r"gone\.hdf5 cannot be read: no such file"):
        system.frame(0)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_file_that_changes_while_it_is_used(tmp_path, storage):
    write_system(tmp_path / "water", water(2, molecules=1))
    system = open_system(pack(tmp_path / "water", tmp_path / "all.hdf5", "/a", **storage))
    with h5py.File(tmp_path / "all.hdf5", "a") as file:
        file["b"] = np.zeros(1000)
    with pytest.raises(InputError, match=r"a/set\.000/coord\.npy cannot be read .*the file has changed since"):
        system.frame(0)


def test_a_scan_is_kept_among_the_caches_until_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(scanrecord, "SMALLEST_SYSTEM", 0)
    write_system(tmp_path / "water", water(3, molecules=2))
    places = [pack(tmp_path / "water", tmp_path / "all.hdf5", group) for group in ("/a", "/b")]
    [first, _] = scan_systems([open_system(place) for place in places], [3.0])
    records = list(Path(tmp_path / "cache" / "deepaw" / "scans").iterdir())
    assert len(records) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.hdf5", "cache", "water"]

    counted: list[object] = []
    real = scan.frame_neighbours
    monkeypatch.setattr(scan, "frame_neighbours", lambda *arguments: counted.append(0) or real(*arguments))
    [kept, _] = scan_systems([open_system(place) for place in places], [3.0])
    assert not counted and np.array_equal(kept[3.0].largest, first[3.0].largest)
    with h5py.File(tmp_path / "all.hdf5", "a") as file:
        file["a/set.000/coord.npy"][...] += 0.1
    scan_systems([open_system(places[0])], [3.0])
    assert len(counted) == 3


def test_labels_without_a_frame_axis_or_in_another_shape(tmp_path):
    frames = labelled(np.array([0, 1, 1]), water(1, molecules=1).coord, 9 * np.eye(3)[None])
    write_system(tmp_path / "water", frames)
    place = pack(tmp_path / "water", tmp_path / "one.hdf5", "/a", chunks=True)
    with h5py.File(tmp_path / "one.hdf5", "a") as file:
        force = file["a/set.000/force.npy"][()]
        del file["a/set.000/force.npy"]
        file.create_dataset("a/set.000/force.npy", data=force.reshape(3, 3), chunks=True)
    np.testing.assert_array_equal(read_system(place).labels["force"], frames.labels["force"])
