"""The scan of data before a training, and its results kept for the next one."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.data import scan, scanrecord
from deepaw.potential.data.neighbours import NeighbourCounts
from deepaw.potential.data.scan import scan_systems
from deepaw.potential.data.scanrecord import FILE_NAME
from deepaw.potential.data.system import System, open_system
from potential.systems import water, write_mixed_system, write_system

CUTOFFS = (2.0, 4.0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Small systems are worth a file; the user's caches are below `tmp_path`."""
    monkeypatch.setattr(scanrecord, "SMALLEST_SYSTEM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def searches(monkeypatch) -> list[float]:
    """The cutoff of every neighbour search."""
    calls: list[float] = []
    search = scan.frame_neighbours

    def counted(frame, ntypes, rcut):
        calls.append(rcut)
        return search(frame, ntypes, rcut)

    monkeypatch.setattr(scan, "frame_neighbours", counted)
    return calls


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_system(tmp_path / "water", water(5, molecules=2), sets=2)


def assert_equal(one: NeighbourCounts, other: NeighbourCounts) -> None:
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


def opened(folder: Path, type_map=("O", "H")) -> System:
    return open_system(folder, type_map)


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_are_divided_among_threads(tmp_path, monkeypatch, threads, folder):
    mixed = write_mixed_system(tmp_path / "mixed", [water(1, 1, seed=2), water(2, 3)])
    systems = [opened(folder), opened(mixed)]
    whole = scan_systems(systems, CUTOFFS, keep=False)
    monkeypatch.setattr(scan, "PIECE", 12)
    monkeypatch.setattr(scan, "INTERVAL", 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    calls = []
    divided_systems = scan_systems(systems, CUTOFFS, lambda *call: calls.append(call), keep=False)
    for divided, expected in zip(divided_systems, whole, strict=True):
        assert list(divided) == list(CUTOFFS)
        for rcut in CUTOFFS:
            assert_equal(divided[rcut], expected[rcut])
    assert calls == [(done, 8) for done in (2, 4, 5, 6, 7, 8)]


def test_progress_is_called_at_the_end_at_least(folder):
    calls = []
    scan_systems([opened(folder)], CUTOFFS, lambda *call: calls.append(call))
    assert calls == [(5, 5)]
    scan_systems([opened(folder)], CUTOFFS, lambda *call: calls.append(call))
    assert calls == [(5, 5)]


def test_kept_results_are_those_of_a_scan(tmp_path, folder, searches):
    alone = replace(water(1, molecules=2), types=np.zeros(6, dtype=int))  # no pair of other types
    mixed = write_mixed_system(tmp_path / "mixed", [water(1, 1, seed=2), water(2, 3)])
    folders = [folder, mixed, write_system(tmp_path / "alone", alone)]
    fresh = scan_systems([opened(path) for path in folders], CUTOFFS)
    assert len(searches) == 9 * 2
    kept = scan_systems([opened(path) for path in folders], CUTOFFS)
    assert len(searches) == 9 * 2
    for system, expected in zip(kept, fresh, strict=True):
        for rcut in CUTOFFS:
            assert_equal(system[rcut], expected[rcut])


def test_only_a_cutoff_that_is_new_is_counted(folder, searches):
    scan_systems([opened(folder)], (2.0,))
    scan_systems([opened(folder)], CUTOFFS)
    assert searches == [2.0] * 5 + [4.0] * 5
    scan_systems([opened(folder)], CUTOFFS)
    assert len(searches) == 10


def test_another_type_map_or_a_mask_is_counted_anew(folder, searches):
    np.save(folder / "set.000" / "aparam.npy", np.ones((3, 6)))
    np.save(folder / "set.001" / "aparam.npy", np.tile([1.0, 1, 1, 1, 1, 0], (2, 1)))
    scan_systems([opened(folder)], (4.0,))
    (reordered,) = scan_systems([opened(folder, ("H", "O"))], (4.0,))
    (masked,) = scan_systems([opened(folder)], (4.0,), masked=True)
    assert len(searches) == 15
    assert masked[4.0].natoms == 28
    (kept,) = scan_systems([opened(folder, ("H", "O"))], (4.0,))
    assert_equal(kept[4.0], reordered[4.0])
    (kept,) = scan_systems([opened(folder)], (4.0,), masked=True)
    assert_equal(kept[4.0], masked[4.0])
    assert len(searches) == 15


def _move(folder: Path) -> None:
    path = folder / "set.001" / "coord.npy"
    np.save(path, np.load(path) + 0.1)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        _move,
        lambda folder: (
            np.save(folder / "set.000" / "fparam.npy", np.ones((3, 1)))
            or np.save(folder / "set.001" / "fparam.npy", np.ones((2, 1)))
        ),
        lambda folder: (folder / "type.raw").write_text("0 0 1 1 0 1"),
        lambda folder: (folder / "type_map.raw").write_text("H O"),
        lambda folder: (folder / "nopbc").touch(),
        lambda folder: (folder / "set.001").rename(folder / "set.002"),
    ],
)
def test_changed_data_are_scanned_again(folder, searches, change):
    scan_systems([opened(folder)], (4.0,))
    change(folder)
    (counts,) = scan_systems([opened(folder)], (4.0,))
    assert len(searches) == 10
    (folder / FILE_NAME).unlink()
    (fresh,) = scan_systems([opened(folder)], (4.0,))
    assert_equal(counts[4.0], fresh[4.0])


def test_changed_numbers_are_checked_again(folder):
    scan_systems([opened(folder)], (4.0,))
    path = folder / "set.001" / "force.npy"
    force = np.load(path)
    force[1, 2] = np.nan
    np.save(path, force)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    with pytest.raises(InputError, match=r"set.001/force.npy, frame 2 has a number that is not finite"):
        scan_systems([opened(folder)], (4.0,))


def _edit(change):
    def edit(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text(path.read_text()[:-20]),
        lambda path: (path.unlink(), path.mkdir()),
        _edit(lambda content: content.update(version=0)),
        _edit(lambda content: content.update(fingerprint="")),
        _edit(lambda content: content["neighbours"][0].update(largest=[1])),
        _edit(lambda content: content["neighbours"][0].update(total=[1, 2, 3])),
        _edit(lambda content: content["neighbours"][0]["shortest"][0].__setitem__(1, 7)),
        _edit(lambda content: content["neighbours"][0]["shortest"][0].__setitem__(2, "near")),
    ],
)
def test_a_file_that_is_no_record_is_ignored(folder, searches, spoil):
    (fresh,) = scan_systems([opened(folder)], (4.0,))
    spoil(folder / FILE_NAME)
    (counts,) = scan_systems([opened(folder)], (4.0,))
    assert_equal(counts[4.0], fresh[4.0])
    assert len(searches) == 10
    scan_systems([opened(folder)], (4.0,))
    assert len(searches) == 10


def _without_permission(folder: Path) -> None:
    folder.chmod(0o555)


def _without_room(folder: Path) -> None:
    (folder / FILE_NAME).mkdir()


@pytest.mark.parametrize("close", [_without_permission, _without_room])
def test_data_that_may_not_be_written_to(folder, searches, cache, close):
    close(folder)
    scan_systems([opened(folder)], (4.0,))
    scan_systems([opened(folder)], (4.0,))
    assert len(searches) == 5
    assert not (folder / FILE_NAME).is_file()
    assert len(list(cache.rglob("*.json"))) == 1


def test_nothing_can_be_written(folder, searches, cache):
    folder.chmod(0o555)
    cache.write_text("a file where a folder should be")
    scan_systems([opened(folder)], (4.0,))
    scan_systems([opened(folder)], (4.0,))
    assert len(searches) == 10


def test_systems_that_are_scanned_at_once_get_no_file(folder, monkeypatch, searches):
    monkeypatch.setattr(scanrecord, "SMALLEST_SYSTEM", 31)
    scan_systems([opened(folder)], (4.0,))
    assert not (folder / FILE_NAME).exists()


def test_only_the_first_process_writes(folder, searches):
    scan_systems([opened(folder)], (4.0,), keep=False)
    assert not (folder / FILE_NAME).exists()
    scan_systems([opened(folder)], (4.0,))
    scan_systems([opened(folder)], (4.0,), keep=False)
    assert len(searches) == 10


def test_labels_are_not_corrected_for_a_scan(folder):
    def correction(frame):
        raise AssertionError

    scan_systems([replace(opened(folder), correction=correction)], (4.0,))


def test_two_atoms_on_one_spot(folder, monkeypatch):
    monkeypatch.setattr(scan, "PIECE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    coord = np.load(folder / "set.000" / "coord.npy")
    coord[1:, 3:6] = coord[1:, :3]
    np.save(folder / "set.000" / "coord.npy", coord)
    with pytest.raises(InputError, match="water, frame 2, has two atoms on one spot"):
        scan_systems([opened(folder)], (4.0,))
    assert not (folder / FILE_NAME).exists()
