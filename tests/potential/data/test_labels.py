"""Labels by their number of values, of selected atoms, and those that nobody reads."""

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.system import open_system, read_system
from potential.systems import water, write_mixed_system, write_system
from potential.tensors import tensor_labels, write_tensors

FRAMES = water(4, molecules=2)
DIPOLES = LabelRequest(frozenset({"atomic_dipole"}), (0,))


def test_numbers_count_and_not_shapes(tmp_path):
    folder = write_system(tmp_path / "water", FRAMES)
    expected = read_system(folder).labels
    parameters = np.random.default_rng(0).normal(size=(4, 6, 2))
    arrays = {
        "aparam": parameters.reshape(1, -1),
        "fparam": np.arange(4.0).reshape(1, 4),
        "energy": expected["energy"].reshape(4, 1),
        "force": expected["force"].reshape(2, 36),
        "box": FRAMES.cell.reshape(36),
        "virial": expected["virial"].reshape(4, 3, 3),
        "coord": FRAMES.coord,
    }
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    system = read_system(folder)
    np.testing.assert_array_equal(system.labels["aparam"], parameters)
    np.testing.assert_array_equal(system.labels["fparam"], np.arange(4.0)[:, None])
    for index in range(4):
        frame = system.frame(index)
        np.testing.assert_array_equal(frame.coord, FRAMES.coord[index])
        np.testing.assert_array_equal(frame.cell, FRAMES.cell[index])
        np.testing.assert_array_equal(frame.labels["aparam"], parameters[index])
        for name in ("energy", "force", "virial"):
            np.testing.assert_array_equal(frame.labels[name], FRAMES.labels[name][index])


def test_columns_first_in_another_shape(tmp_path):
    folder = write_system(tmp_path / "water", FRAMES)
    np.save(folder / "set.000" / "force.npy", np.asfortranarray(FRAMES.labels["force"].reshape(2, 36)))
    np.testing.assert_array_equal(read_system(folder).labels["force"], FRAMES.labels["force"])


def test_parameters_where_a_set_has_no_frames(tmp_path):
    folder = write_system(tmp_path / "water", FRAMES, sets=2)
    for number, count in enumerate((2, 2)):
        np.save(folder / f"set.00{number}" / "fparam.npy", np.ones((count, 3)))
    for file in folder.glob("set.000/*.npy"):
        np.save(file, np.load(file)[:0])
    np.testing.assert_array_equal(read_system(folder).labels["fparam"], np.ones((2, 3)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: np.save(path, np.zeros((4, 7))),
        lambda path: np.save(path, np.full((4, 18), np.nan)),
        lambda path: path.write_bytes(b"no array"),
    ],
)
def test_a_label_that_nobody_reads_does_not_matter(tmp_path, spoil):
    folder = write_system(tmp_path / "water", FRAMES)
    spoil(folder / "set.000" / "atomic_dipole.npy")
    request = LabelRequest(frozenset({"energy", "force"}))
    assert set(read_system(folder, request=request).labels) == {"energy", "force"}
    with pytest.raises(InputError, match=r"atomic_dipole\.npy"):
        read_system(folder, request=DIPOLES)


def test_tensors_of_selected_atoms_alone(tmp_path):
    labels = tensor_labels(FRAMES)
    for name, type_map in (("water", ("O", "H")), ("turned", ("H", "O"))):
        folder = write_tensors(tmp_path / name, FRAMES, "atomic_dipole", "atomic_polarizability")
        (folder / "type_map.raw").write_text(" ".join(type_map))
        np.savetxt(folder / "type.raw", [type_map.index("OH"[kind]) for kind in FRAMES.types], fmt="%d")
        for label in ("atomic_dipole", "atomic_polarizability"):
            selected = labels[label][:, FRAMES.types == 0]
            np.save(folder / "set.000" / f"{label}.npy", selected.reshape(4, -1))
        request = LabelRequest(frozenset({"atomic_dipole", "atomic_polarizability"}), (0,))
        system = read_system(folder, ("O", "H"), request)
        for label in ("atomic_dipole", "atomic_polarizability"):
            np.testing.assert_array_equal(system.labels[label], labels[label])
            np.testing.assert_array_equal(system.frame(2).labels[label], labels[label][2])
    # without a request, as for a description of the data, rows are those of the file
    assert open_system(folder).labels["atomic_dipole"].shape == (4, 2, 3)


def test_the_order_of_selected_atoms_is_that_of_the_file(tmp_path):
    frames = water(2, molecules=2)
    order = np.array([2, 0, 3, 4, 1, 5])
    folder = write_system(tmp_path / "water", frames, labels=())
    np.savetxt(folder / "type.raw", frames.types[order], fmt="%d")
    np.save(folder / "set.000" / "coord.npy", frames.coord[:, order].reshape(2, -1))
    rows = np.arange(12.0).reshape(2, 2, 3)
    np.save(folder / "set.000" / "atomic_dipole.npy", rows)
    system = read_system(folder, ("O", "H"), DIPOLES)
    np.testing.assert_array_equal(system.labels["atomic_dipole"][:, [1, 4]], rows)
    assert not system.labels["atomic_dipole"][:, [0, 2, 3, 5]].any()


def test_tensors_that_are_neither_of_all_nor_of_selected_atoms(tmp_path):
    folder = write_tensors(tmp_path / "water", FRAMES, "atomic_dipole")
    np.save(folder / "set.000" / "atomic_dipole.npy", np.zeros((4, 9)))
    with pytest.raises(
        InputError, match=r"atomic_dipole\.npy has the shape \(4, 9\); it should be \(4, 18\) or \(4, 6\)"
    ):
        read_system(folder, ("O", "H"), DIPOLES)
    with pytest.raises(InputError, match=r"it should be \(4, 18\)\."):
        read_system(folder, ("O", "H"), LabelRequest(frozenset({"atomic_dipole"})))
    two = write_tensors(tmp_path / "two", water(4, molecules=2), "atomic_dipole")
    (two / "set.000").rename(two / "set.001")
    write_tensors(tmp_path / "more", water(2, molecules=2), "atomic_dipole")
    (tmp_path / "more" / "set.000").rename(two / "set.000")
    np.save(two / "set.000" / "atomic_dipole.npy", np.zeros((2, 6)))
    with pytest.raises(InputError, match="has another number of values for each frame than"):
        read_system(two, ("O", "H"), DIPOLES)


def test_frames_of_mixed_type_need_rows_of_all_atoms(tmp_path):
    folder = write_mixed_system(tmp_path / "mixed", [water(2, molecules=1), water(2, molecules=2)], labels=())
    for number in range(2):
        np.save(folder / f"set.00{number}" / "atomic_dipole.npy", np.ones((2, 6, 3)))
    assert [frame.labels["atomic_dipole"].shape for frame in read_system(folder, request=DIPOLES).frames()] == [
        (3, 3),
        (3, 3),
        (6, 3),
        (6, 3),
    ]
