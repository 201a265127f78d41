"""Charge-density files of Quantum ESPRESSO, read back as the program reads them."""

from __future__ import annotations

import struct
from math import pi
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from numpy.typing import NDArray
from scipy.io import FortranFile

from deepaw.density.files import espresso
from deepaw.density.files.espresso import write_espresso_dat, write_espresso_hdf5
from deepaw.density.grid import BOHR
from deepaw.density.planewaves import espresso_grid, miller_indices, reciprocal_vectors
from deepaw.errors import InputError

ECUTRHO = 40.0
ATOMS = Atoms("HfO", cell=[5.117, 5.175, 5.292, 90, 99.2, 90], scaled_positions=[[0, 0, 0], [0.3, 0.4, 0.5]], pbc=True)
SHAPE = espresso_grid(ATOMS, ECUTRHO).shape

Components = list[NDArray[np.complex128]]


def density(seed: int) -> NDArray[np.float64]:
    """A density of plane waves within the cutoff alone, e/A^3."""
    spectrum = np.fft.fftn(np.random.default_rng(seed).random(SHAPE))
    kept = np.zeros(SHAPE, dtype=bool)
    kept[tuple(miller_indices(ATOMS, ECUTRHO).T)] = True
    return np.fft.ifftn(np.where(kept, spectrum, 0)).real


def read_hdf5(path: Path) -> tuple[NDArray[np.int32], Components]:
    with h5py.File(path) as file:
        assert file.attrs["gamma_only"] == b".FALSE."
        assert h5py.check_string_dtype(file.attrs.get_id("gamma_only").dtype).length == 7
        count, nspin = int(file.attrs["ngm_g"]), int(file.attrs["nspin"])
        indices = file["MillerIndices"]
        assert indices.shape == (count, 3) and indices.dtype == np.dtype("<i4")
        for number, vector in enumerate(reciprocal_vectors(ATOMS), start=1):
            assert np.array_equal(indices.attrs[f"bg{number}"], vector)
        names = ["rhotot_g", "rhodiff_g"][:nspin]
        assert set(file) == {"MillerIndices", *names}
        pairs = [file[name][:] for name in names]
        assert all(pair.shape == (2 * count,) and pair.dtype == np.dtype("<f8") for pair in pairs)
        return indices[:], [pair[::2] + 1j * pair[1::2] for pair in pairs]


def read_dat(path: Path) -> tuple[NDArray[np.int32], Components]:
    with FortranFile(path) as file:
        gamma_only, count, nspin = file.read_ints("<i4")
        assert gamma_only == 0
        assert np.array_equal(file.read_reals("<f8").reshape(3, 3), reciprocal_vectors(ATOMS))
        indices = file.read_ints("<i4").reshape(count, 3)
        components = [file.read_record("<c16") for _ in range(nspin)]
        with pytest.raises(Exception, match="End of file"):
            file.read_record("<c16")
    return indices, components


FILES = [(write_espresso_hdf5, read_hdf5), (write_espresso_dat, read_dat)]


def on_grid(indices: NDArray[np.int32], component: NDArray[np.complex128]) -> NDArray[np.float64]:
    """rho(r) = sum_G rho(G) exp(i G r) in e/A^3, by its definition at some points and by FFT at all of them."""
    spectrum = np.zeros(SHAPE, dtype=complex)
    spectrum[tuple(indices.T)] = component
    values = np.fft.ifftn(spectrum, norm="forward") / BOHR**3
    assert np.abs(values.imag).max() < 1e-12
    for point in ((0, 0, 0), (1, 2, 3), (5, 0, 7)):
        place = (np.array(point) / SHAPE) @ ATOMS.cell.array / BOHR
        direct = (component * np.exp(1j * (indices @ reciprocal_vectors(ATOMS)) @ place)).sum() / BOHR**3
        assert direct == pytest.approx(values[point], abs=1e-12)
    return values.real


@pytest.mark.parametrize(("write", "read"), FILES)
def test_read_back(tmp_path: Path, write, read) -> None:
    total = density(0)
    write(tmp_path / "rho", ATOMS, SHAPE, np.split(total, [3, 5], axis=2), None, ECUTRHO)
    indices, (component,) = read(tmp_path / "rho")
    assert np.array_equal(indices, miller_indices(ATOMS, ECUTRHO))
    assert np.allclose(on_grid(indices, component), total, atol=1e-13)
    # what the program takes for the number of electrons
    electrons = total.mean() * ATOMS.get_volume()
    assert component[0].real * ATOMS.get_volume() / BOHR**3 == pytest.approx(electrons)
    assert component[0].imag == 0


@pytest.mark.parametrize(("write", "read"), FILES)
def test_magnetisation_comes_second(tmp_path: Path, write, read) -> None:
    total, spin = density(0), density(1)
    write(tmp_path / "rho", ATOMS, SHAPE, [total], np.split(spin, [4], axis=2), ECUTRHO)
    indices, components = read(tmp_path / "rho")
    for component, values in zip(components, (total, spin), strict=True):
        assert np.allclose(on_grid(indices, component), values, atol=1e-13)


def test_records_of_the_file_without_hdf5(tmp_path: Path) -> None:
    """Each begins and ends with its length in four bytes."""
    write_espresso_dat(tmp_path / "rho", ATOMS, SHAPE, [density(0)], None, ECUTRHO)
    content = (tmp_path / "rho").read_bytes()
    count = len(miller_indices(ATOMS, ECUTRHO))
    lengths, position = [], 0
    while position < len(content):
        (length,) = struct.unpack_from("<i", content, position)
        assert struct.unpack_from("<i", content, position + 4 + length) == (length,)
        lengths.append(length)
        position += length + 8
    assert lengths == [12, 72, 12 * count, 16 * count]
    first = struct.unpack_from("<3d", content, 24)
    assert np.dot(first, ATOMS.cell.array[0] / BOHR) == pytest.approx(2 * pi)


def test_a_wave_along_one_axis(tmp_path: Path) -> None:
    """1 + cos(b_2 r): coefficients 1, 1/2 and 1/2."""
    wave = 1 + np.cos(2 * pi * np.arange(SHAPE[1]) / SHAPE[1])
    values = np.broadcast_to(wave[None, :, None], SHAPE)
    write_espresso_hdf5(tmp_path / "rho", ATOMS, SHAPE, [values], None, ECUTRHO)
    indices, (component,) = read_hdf5(tmp_path / "rho")
    nonzero = {tuple(row): value for row, value in zip(indices.tolist(), component, strict=True) if abs(value) > 1e-9}
    assert set(nonzero) == {(0, 0, 0), (0, 1, 0), (0, -1, 0)}
    assert nonzero[0, 0, 0] == pytest.approx(BOHR**3) and nonzero[0, -1, 0] == pytest.approx(BOHR**3 / 2)


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="does not hold the plane waves up to 40"):
        write_espresso_hdf5(tmp_path / "rho", ATOMS, (4, 5, 6), [np.ones((4, 5, 6))], None, ECUTRHO)
    monkeypatch.setattr(espresso, "LONGEST_RECORD", 1000)
    with pytest.raises(InputError, match=r"cannot hold the [\d,]+ plane waves .*; write charge-density.hdf5 instead"):
        write_espresso_dat(tmp_path / "rho", ATOMS, SHAPE, [density(0)], None, ECUTRHO)
    assert list(tmp_path.iterdir()) == []
