"""Matrices beside extxyz and npz densities: what is read, and what is said when it cannot be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepaw.density.data.sources import read_examples
from deepaw.density.occupancies.data import OccupancyData, read_occupancies
from deepaw.errors import InputError
from density.synthetic import OCCUPANCY_CHANNELS, true_matrices, write_crystals, write_occupancies, write_setup


def read(folder: Path) -> OccupancyData:
    examples = read_examples(folder)
    return read_occupancies(((example.name, example.occupancies) for example in examples), {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames = write_crystals(tmp_path / "data", 3)
    write_occupancies(tmp_path / "data", frames)
    return tmp_path / "data"


def test_matrices_and_setups(folder: Path) -> None:
    data = read(folder)
    assert data.structures.keys() == {"short_0", "short_1", "long_2"}
    assert data.setups["Li"].channels == OCCUPANCY_CHANNELS["Li"]
    assert data.setups["F"].fingerprint == "fingerprint of F"
    assert data.setups["F"].electrons == 7
    for example in read_examples(folder):
        for mine, matrix in zip(data.structures[example.name].matrices, true_matrices(example.atoms), strict=True):
            assert mine.dtype == np.float64
            assert np.allclose(mine, matrix, atol=1e-6)


def test_some_structures_and_setups_one_folder_up(folder: Path) -> None:
    (folder / "setups").rename(folder.parent / "setups")
    (folder / "augmentation" / "short_1.npz").unlink()
    assert read(folder).structures.keys() == {"short_0", "long_2"}
    write_setup(folder.parent / "setups", OCCUPANCY_CHANNELS["F"], cutoff=np.array(600.0), xc=np.array("PBE"))
    setup = read(folder).setups["F"]
    assert (setup.cutoff, setup.xc) == (600.0, "PBE")


def _swap(arrays: dict[str, np.ndarray]) -> None:
    arrays["D0"], arrays["D1"] = arrays["D1"], arrays["D0"]


def _change(key: str, value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[key][0, 1] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_swap, r"D0 of shape \(13, 13\) where atom 1 is Li, whose setup has 5 projectors \(s s p\)"),
        (lambda arrays: arrays.pop("D1"), "matrices of 1 atoms and the structure has 2; it should hold D0 ... D1"),
        (lambda arrays: arrays.update(D2=np.eye(3)), "matrices of 3 atoms"),
        (lambda arrays: arrays.update(D0=np.arange(5.0)), r"D0 of shape \(5,\)"),
        (_change("D1", np.nan), "D1 with values that are not finite"),
        (_change("D1", 9.0), "D1, which is not symmetric"),
    ],
)
def test_refuses_matrices_that_do_not_fit(folder: Path, change: Callable, says: str) -> None:
    path = folder / "augmentation" / "short_0.npz"
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=rf"short_0.npz.*{says}"):
        read(folder)


def test_refuses_what_is_cut_short(folder: Path) -> None:
    path = folder / "augmentation" / "short_0.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"short_0.npz is not an npz file"):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"l_j": np.array([0, 0, 9])}, "angular momenta"),
        ({"l_j": np.array([0, 0])}, "fits together"),
        ({"Delta_pL": np.ones((15, 9))}, "Gaunt"),
        ({"D0_packed": np.ones((1, 3))}, "fits together"),
    ],
)
def test_refuses_setups_that_do_not_fit_together(folder: Path, changes: dict, says: str) -> None:
    write_setup(folder / "setups", OCCUPANCY_CHANNELS["Li"], **changes)
    with pytest.raises(InputError, match=f"setup-Li.npz.*{says}"):
        read(folder)


def test_refuses_missing_and_different_setups(folder: Path) -> None:
    other = folder.parent / "other"
    frames = write_crystals(other, 5)[3:]
    for path in [*(other / "density").iterdir()]:
        if path.stem not in {atoms.info["name"] for atoms in frames}:
            path.unlink()
    from ase.io import write

    write(other / "structures.extxyz", frames)
    write_occupancies(other, frames)
    write_setup(other / "setups", OCCUPANCY_CHANNELS["F"], fingerprint=np.array("another"))
    examples = read_examples(folder, other)
    with pytest.raises(InputError, match=r"different setups of F \(s p s p d, fingerprint fingerprint of F; .*another"):
        read_occupancies(((example.name, example.occupancies) for example in examples), {})
    (folder / "setups" / "setup-Li.npz").unlink()
    with pytest.raises(InputError, match=r"no setup of Li: neither .*setup-Li.npz nor .*setup-Li.npz"):
        read(folder)
