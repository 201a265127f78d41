"""Arrays of frames that lie in several files."""

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data import arrayfile, sets
from deepaw.potential.data.arrayfile import read_header
from deepaw.potential.data.sets import Quantity


@pytest.fixture
def force(tmp_path) -> tuple[Quantity, np.ndarray]:
    """Three files of 4, 0 and 3 frames of 5 atoms, the last columns first, and all numbers."""
    rows = np.random.default_rng(0).normal(size=(7, 5, 3))
    np.save(tmp_path / "0.npy", rows[:4].reshape(4, 15).astype(np.float32))
    np.save(tmp_path / "1.npy", np.zeros((0, 15)))
    np.save(tmp_path / "2.npy", np.asfortranarray(rows[4:]))
    files = tuple(read_header(tmp_path / f"{number}.npy") for number in range(3))
    expected = np.concatenate([rows[:4].astype(np.float32), rows[4:]])
    return Quantity("force", files, (4, 0, 3), (5, 3)), expected


def test_single_frames(force):
    quantity, expected = force
    for index in (6, 0, 3, 4, 5):
        frame = quantity.frame(index)
        np.testing.assert_array_equal(frame, expected[index])
        assert (frame.dtype == np.float64 and frame.flags.writeable and frame.base is None) or frame.base.base is None


@pytest.mark.parametrize("block", [1, 30, 10**6])
def test_blocks_of_some_frames(force, monkeypatch, block):
    quantity, expected = force
    monkeypatch.setattr(sets, "BLOCK", block)
    np.testing.assert_array_equal(quantity.all(), expected)
    for first, last in ((0, 7), (1, 3), (3, 6), (4, 4), (6, 7)):
        starts, rows = [], [expected[:0]]
        for start, block_rows in quantity.blocks(first, last):
            starts.append(start)
            rows.append(block_rows)
        np.testing.assert_array_equal(np.concatenate(rows), expected[first:last])
        assert starts == sorted(set(starts)) and all(len(part) <= max(1, block // 15) for part in rows)


def test_names_of_frames(force):
    quantity, _ = force
    assert quantity.where(3).endswith("/0.npy, frame 4")
    assert quantity.where(4).endswith("/2.npy, frame 1")


def test_more_files_than_stay_open(tmp_path):
    arrayfile._map.cache_clear()
    files = []
    for number in range(arrayfile.OPEN_MAPS + 10):
        np.save(tmp_path / f"{number}.npy", np.full((1, 2), number))
        files.append(read_header(tmp_path / f"{number}.npy"))
    quantity = Quantity("fparam", tuple(files), (1,) * len(files), (2,))
    for _ in range(2):
        assert [quantity.frame(index)[0] for index in range(len(files))] == list(range(len(files)))
    assert arrayfile._map.cache_info().currsize == arrayfile.OPEN_MAPS


def test_a_file_written_anew_is_mapped_anew(tmp_path):
    path = tmp_path / "energy.npy"
    for count in (1, 2):
        np.save(path, np.full(count, float(count)))
        assert Quantity("energy", (read_header(path),), (count,), ()).frame(0) == count


def test_a_file_that_was_cut_off(tmp_path):
    path = tmp_path / "energy.npy"
    np.save(path, np.arange(1000.0))
    file = read_header(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"energy.npy cannot be read as an array of numbers"):
        file.rows(0, 1, 1000)
    path.unlink()
    with pytest.raises(InputError, match=r"energy.npy cannot be read as an array of numbers"):
        file.rows(0, 1, 1000)
