"""Systems as they are read, in every form that deepmd/npy has."""

from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.system import open_system, read_system
from potential.systems import water, write_mixed_system, write_system

WATER = water(5, molecules=2)


def test_all_arrays_of_a_periodic_system(tmp_path):
    labels = ("energy", "force", "virial", "atom_ener")
    system = read_system(write_system(tmp_path / "water", WATER, labels=labels))
    assert (system.nframes, system.natoms, system.type_map) == (5, 6, ("O", "H"))
    assert system.is_periodic
    assert not system.is_mixed
    assert system.name == str(tmp_path / "water")
    np.testing.assert_array_equal(system.types, np.tile(WATER.types, (5, 1)))
    np.testing.assert_array_equal(system.coord, WATER.coord)
    np.testing.assert_array_equal(system.cell, WATER.cell)
    assert sorted(system.labels) == sorted(labels)
    for name in labels:
        np.testing.assert_array_equal(system.labels[name], WATER.labels[name])


def test_a_frame_is_a_slice_of_the_arrays(tmp_path):
    system = read_system(write_system(tmp_path / "water", WATER, sets=3))
    assert [len(list(folder.iterdir())) for folder in sorted((tmp_path / "water").glob("set.*"))] == [5, 5, 5]
    for index, frame in enumerate(system.frames()):
        np.testing.assert_array_equal(frame.types, WATER.types)
        np.testing.assert_array_equal(frame.coord, WATER.coord[index])
        np.testing.assert_array_equal(frame.cell, WATER.cell[index])
        assert frame.labels["energy"].shape == ()
        assert frame.labels["energy"] == WATER.labels["energy"][index]
        np.testing.assert_array_equal(frame.labels["force"], WATER.labels["force"][index])
        np.testing.assert_array_equal(frame.labels["virial"], WATER.labels["virial"][index])
    with pytest.raises(IndexError):
        system.frame(5)


def test_single_precision_becomes_double(tmp_path):
    system = read_system(write_system(tmp_path / "water", WATER, dtype=np.float32))
    assert system.coord.dtype == system.labels["force"].dtype == system.frame(0).coord.dtype == np.float64
    np.testing.assert_array_equal(system.coord, WATER.coord.astype(np.float32))


def test_type_maps_in_another_order(tmp_path):
    folder = write_system(tmp_path / "water", WATER, type_map=("H", "O"))
    np.testing.assert_array_equal(read_system(folder).types[0], 1 - WATER.types)
    system = read_system(folder, ["C", "O", "H"])
    assert system.type_map == ("C", "O", "H")
    np.testing.assert_array_equal(system.types[0], WATER.types + 1)


def test_without_type_map_raw_types_are_those_of_the_model(tmp_path):
    folder = write_system(tmp_path / "water", WATER, type_map=None)
    assert read_system(folder, ["O", "H", "C"]).type_map == ("O", "H", "C")
    np.testing.assert_array_equal(read_system(folder, ["O", "H", "C"]).types[0], WATER.types)
    assert read_system(folder).type_map == ("Type_0", "Type_1")


def test_a_type_that_no_atom_has_may_be_unknown_to_the_model(tmp_path):
    folder = write_system(tmp_path / "water", WATER, type_map=("C", "H", "O"))
    np.testing.assert_array_equal(read_system(folder, ["O", "H"]).types[0], WATER.types)


def test_without_a_cell(tmp_path):
    folder = write_system(tmp_path / "molecule", water(2, molecules=1, periodic=False))
    system = read_system(folder)
    assert not system.is_periodic
    assert system.cell is None
    assert system.frame(1).cell is None
    # nor does a box count that some programs write nevertheless
    np.save(folder / "set.000" / "box.npy", np.zeros((2, 9)))
    assert read_system(folder).cell is None


def test_mixed_types_lose_their_virtual_atoms(tmp_path):
    small, large = water(2, molecules=1), water(3, molecules=3)
    labels = ("energy", "force", "virial", "atom_ener")
    folder = write_mixed_system(tmp_path / "mixed", [small, large], ("H", "O"), labels)
    system = read_system(folder, ["O", "C", "H"])
    assert system.is_mixed
    assert (system.nframes, system.natoms) == (5, 9)
    assert (system.types[:2] == [0, 2, 2, -1, -1, -1, -1, -1, -1]).all()
    np.testing.assert_array_equal(system.types[2:], np.tile(2 * large.types, (3, 1)))
    for index, (source, row) in enumerate([(small, 0), (small, 1), (large, 0), (large, 1), (large, 2)]):
        frame = system.frame(index)
        np.testing.assert_array_equal(frame.types, 2 * source.types)
        np.testing.assert_array_equal(frame.coord, source.coord[row])
        np.testing.assert_array_equal(frame.labels["force"], source.labels["force"][row])
        np.testing.assert_array_equal(frame.labels["atom_ener"], source.labels["atom_ener"][row])
        assert frame.labels["energy"] == source.labels["energy"][row]


def test_parameters_of_frames_and_atoms(tmp_path):
    folder = write_system(tmp_path / "water", WATER)
    fparam, aparam = np.arange(10.0).reshape(5, 2), np.arange(90.0).reshape(5, 18)
    np.save(folder / "set.000" / "fparam.npy", fparam)
    np.save(folder / "set.000" / "aparam.npy", aparam)
    np.save(folder / "set.000" / "atom_pref.npy", np.ones((5, 6)))
    system = read_system(folder)
    np.testing.assert_array_equal(system.labels["fparam"], fparam)
    np.testing.assert_array_equal(system.labels["aparam"], aparam.reshape(5, 6, 3))
    np.testing.assert_array_equal(system.frame(3).labels["aparam"], aparam[3].reshape(6, 3))
    assert system.frame(3).labels["atom_pref"].shape == (6,)


def test_other_ways_to_write_the_same(tmp_path):
    """Frames shaped as in memory, energies as a column, columns first, and the other name of atomic energies."""
    folder = write_system(tmp_path / "water", WATER, labels=("energy", "force"))
    np.save(folder / "set.000" / "coord.npy", WATER.coord)
    np.save(folder / "set.000" / "box.npy", np.asfortranarray(WATER.cell.reshape(5, 9)))
    np.save(folder / "set.000" / "energy.npy", WATER.labels["energy"][:, None])
    np.save(folder / "set.000" / "atomic_ener.npy", WATER.labels["atom_ener"])
    system = read_system(folder)
    np.testing.assert_array_equal(system.frame(4).coord, WATER.coord[4])
    np.testing.assert_array_equal(system.frame(4).cell, WATER.cell[4])
    np.testing.assert_array_equal(system.labels["energy"], WATER.labels["energy"])
    np.testing.assert_array_equal(system.labels["atom_ener"], WATER.labels["atom_ener"])


def test_one_frame_without_an_axis_for_frames(tmp_path):
    folder = write_system(tmp_path / "water", water(1, molecules=2))
    for file in folder.glob("set.000/*.npy"):
        np.save(file, np.load(file)[0])
    system = read_system(folder)
    assert system.nframes == 1
    np.testing.assert_array_equal(system.labels["force"], water(1, molecules=2).labels["force"])


def test_a_set_without_frames_is_passed_over(tmp_path):
    folder = write_system(tmp_path / "water", WATER, sets=2)
    for file in folder.glob("set.000/*.npy"):
        np.save(file, np.load(file)[:0])
    system = read_system(folder)
    assert system.nframes == 2
    np.testing.assert_array_equal(system.frame(0).coord, WATER.coord[3])


def test_a_label_is_there_when_every_set_has_it(tmp_path):
    folder = write_system(tmp_path / "water", WATER, sets=2)
    (folder / "set.001" / "virial.npy").unlink()
    system = read_system(folder)
    assert "virial" not in system.labels
    system.require("energy", "force")
    with pytest.raises(InputError, match=r"There is no .*set.001/virial.npy, which is needed to train on virial"):
        system.require("energy", "virial")


def _file(name: str, array: np.ndarray):
    return lambda folder: np.save(folder / "set.000" / name, array)


def _with_one(name: str, value: float):
    def change(folder: Path) -> None:
        array = np.load(folder / "set.001" / name)
        array.reshape(-1)[-1] = value
        np.save(folder / "set.001" / name, array)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "type.raw").unlink(), "has no type.raw"),
        (lambda f: (f / "type.raw").write_text(""), "type.raw is empty"),
        (lambda f: (f / "type.raw").write_text("0 1 1.5"), "type.raw gives 1.5 as the type of atom 3"),
        (lambda f: (f / "type.raw").write_text("0 -1"), "type.raw gives -1 as the type of atom 2"),
        (lambda f: (f / "type.raw").write_text("0 " + 30 * "9"), "as the type of atom 2"),
        (lambda f: (f / "type.raw").write_text("0 1 2 0 0 0"), "atoms of type 2, but type_map.raw (O H) goes from 0"),
        (lambda f: (f / "type.raw").write_bytes(b"0 1\n\xff"), "type.raw, line 2 cannot be read as UTF-8"),
        (lambda f: (f / "type_map.raw").write_text("O O"), "type_map.raw names O twice"),
        (lambda f: (f / "type_map.raw").write_text("O C"), "atoms of type C, which is not in the type map O H"),
        (lambda f: (f / "set.000" / "coord.npy").unlink(), "There is no"),
        (lambda f: (f / "set.001" / "box.npy").unlink(), "set.001/box.npy; frames need a cell, or an empty file nopbc"),
        (_file("coord.npy", np.zeros((3, 17))), "coord.npy has the shape (3, 17); for the 6 atoms of type.raw"),
        (_file("coord.npy", np.float64(1)), "coord.npy has the shape ()"),
        (_file("box.npy", np.zeros((3, 6))), "box.npy has the shape (3, 6); it should be (3, 9)"),
        (
            _file("force.npy", np.zeros((2, 18))),
            "force.npy has the shape (2, 18), but coord.npy beside it has 3 frames",
        ),
        (_file("energy.npy", np.zeros(4)), "energy.npy has the shape (4,), but coord.npy beside it has 3 frames"),
        (_file("energy.npy", np.array(["a", "b", "c"])), "energy.npy does not hold an array of real numbers"),
        (_file("energy.npy", np.array([{}, {}, {}])), "energy.npy cannot be read as an array of numbers"),
        (
            lambda f: (f / "set.000" / "energy.npy").write_bytes(b"no"),
            "energy.npy cannot be read as an array of numbers",
        ),
        (lambda f: (f / "set.000" / "numb_copy.npy").touch(), "numb_copy.npy asks for frames to count several times"),
        (_file("real_atom_types.npy", np.zeros((3, 6), dtype=int)), "either all sets of a system are of mixed type"),
        (_with_one("coord.npy", np.nan), "set.001/coord.npy, frame 2 has a number that is not finite"),
        (_with_one("box.npy", np.inf), "set.001/box.npy, frame 2 has a number that is not finite"),
        (_with_one("energy.npy", np.nan), "set.001/energy.npy, frame 2 has a number that is not finite"),
        (
            _file("box.npy", np.tile([4.0, 0, 0, 0, 4, 0, 4, 4, 0], (3, 1))),
            "box.npy, frame 1 has a cell of zero volume",
        ),
        (_file("box.npy", np.zeros((3, 9))), "box.npy, frame 1 has a cell of zero volume"),
        (_file("box.npy", np.tile([0.1, 0, 0, 0, 9, 0, 0, 0, 9], (3, 1))), "a cell only 0.1 A high, less than 0.3"),
        (_file("box.npy", 3e4 * np.tile(np.eye(3), (3, 1, 1))), "a cell vector of 3e+04 A, more than 10000"),
        (_with_one("coord.npy", 1e6), "set.001/coord.npy, frame 2 has a coordinate of 1e+06 A, beyond 10000"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, change, said):
    folder = write_system(tmp_path / "water", WATER, sets=2)
    change(folder)
    with pytest.raises(InputError) as caught:
        read_system(folder, ["O", "H"])
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_no_folder_no_sets_no_frames(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        read_system(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "type.raw").write_text("0 1 1\n")
    with pytest.raises(InputError, match=r"has no set.000"):
        read_system(tmp_path / "empty")
    folder = write_system(tmp_path / "water", WATER)
    for file in folder.glob("set.000/*.npy"):
        np.save(file, np.load(file)[:0])
    with pytest.raises(InputError, match="holds no frames"):
        read_system(folder)


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ([0, 1, 1.5], "frame 1 gives 1.5 as a type"),
        ([0, 1, -2], "frame 1 gives -2 as a type"),
        ([0, 1, np.nan], "frame 1 gives nan as a type"),
        ([0, 1, 2], "atoms of type 2, but type_map.raw (O H) goes from 0 to 1"),
        ([-1, -1, -1], "frame 1 has no atoms, only virtual ones"),
    ],
)
def test_wrong_types_in_a_mixed_system(tmp_path, types, said):
    folder = write_mixed_system(tmp_path / "mixed", [water(2, molecules=1)])
    np.save(folder / "set.000" / "real_atom_types.npy", np.tile(types, (2, 1)))
    with pytest.raises(InputError) as caught:
        read_system(folder)
    assert said in str(caught.value)


def test_opening_does_not_look_at_numbers(tmp_path):
    folder = write_system(tmp_path / "water", WATER, sets=2)
    _with_one("coord.npy", np.nan)(folder)
    assert np.isnan(open_system(folder).frame(4).coord).sum() == 1
