"""`charge-density.hdf5` and `charge-density.dat` of Quantum ESPRESSO, which `startingpot = 'file'` begins from.

Both hold Fourier coefficients rho(G) = 1/N sum_r rho(r) exp(-i G r), e/bohr^3, and the Miller indices of G; of a
spin-polarised density those of up plus down and of up minus down. A program that was built with HDF5 reads the former,
any other the latter, whose records are those of unformatted Fortran files.

    charge-density.hdf5   attributes gamma_only, ngm_g, nspin; MillerIndices (n, 3) with attributes bg1, bg2, bg3;
                          rhotot_g, rhodiff_g: (2 n,), real and imaginary parts in turn
    charge-density.dat    gamma_only, n, nspin | b_1, b_2, b_3 | Miller indices | rho(G) | ...
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.files.blocks import Shape, checked
from deepaw.density.grid import BOHR
from deepaw.density.planewaves import miller_indices, reciprocal_vectors
from deepaw.errors import InputError
from deepaw.outputfile import output_file

DATASETS = ("rhotot_g", "rhodiff_g")

LONGEST_RECORD = 2**31 - 9
"""Bytes of a record that compilers do not divide."""


@dataclass(frozen=True)
class FourierDensity:
    """Coefficients of a density.

    reciprocal: rows b_1, b_2, b_3, 1/bohr. miller: (n, 3). components: (n,) complex, e/bohr^3, of the total density
    and, where there is one, of the magnetisation.
    """

    reciprocal: NDArray[np.float64]
    miller: NDArray[np.int32]
    components: list[NDArray[np.complex128]]


def write_espresso_hdf5(
    path: str | Path,
    atoms: Atoms,
    shape: Shape,
    blocks: Iterable[np.ndarray],
    magnetisation: Iterable[np.ndarray] | None,
    ecutrho: float,
) -> None:
    """Write a density as `charge-density.hdf5`.

    Args:
        path: the file.
        atoms: the structure; its cell vectors are those of the calculation, in the same order and orientation.
        shape: the grid, which holds all plane waves up to ecutrho.
        blocks, magnetisation: arrays (nx, ny, n) along z, e/A^3, that add up to `shape`.
        ecutrho: cutoff of the density, Ry.

    The whole grid is in memory. Raises InputError where the file cannot be written; nothing is left then.
    """
    import h5py

    density = _transform(atoms, shape, blocks, magnetisation, ecutrho)
    content = io.BytesIO()  # HDF5 hides errors of the operating system when it writes to a file itself
    with h5py.File(content, "w") as file:
        # Fortran reads the text by its length, which has to be fixed
        file.attrs["gamma_only"] = np.bytes_(".FALSE.")
        file.attrs["ngm_g"] = np.int32(len(density.miller))
        file.attrs["nspin"] = np.int32(len(density.components))
        indices = file.create_dataset("MillerIndices", data=density.miller)
        for number, vector in enumerate(density.reciprocal, start=1):
            indices.attrs[f"bg{number}"] = vector
        for name, component in zip(DATASETS, density.components, strict=False):
            file.create_dataset(name, data=component.view(np.float64))
    with output_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def write_espresso_dat(
    path: str | Path,
    atoms: Atoms,
    shape: Shape,
    blocks: Iterable[np.ndarray],
    magnetisation: Iterable[np.ndarray] | None,
    ecutrho: float,
) -> None:
    """Write a density as `charge-density.dat`; arguments and errors are those of `write_espresso_hdf5`.

    Raises InputError also where there are too many plane waves for one record of the file.
    """
    density = _transform(atoms, shape, blocks, magnetisation, ecutrho)
    if density.components[0].nbytes > LONGEST_RECORD:
        raise InputError(
            f"{path} cannot hold the {len(density.miller):,} plane waves up to ecutrho = {ecutrho:g} Ry in one record; "
            "write charge-density.hdf5 instead."
        )
    head = np.array([0, len(density.miller), len(density.components)], dtype=np.int32)  # 0: not gamma_only
    with output_file(path) as temporary, temporary.open("wb") as file:
        records: list[NDArray[np.generic]] = [head, density.reciprocal, density.miller, *density.components]
        for record in records:
            length = struct.pack("<i", record.nbytes)
            file.write(length)
            file.write(np.ascontiguousarray(record, dtype=record.dtype.newbyteorder("<")).data)
            file.write(length)


def _transform(
    atoms: Atoms,
    shape: Shape,
    blocks: Iterable[np.ndarray],
    magnetisation: Iterable[np.ndarray] | None,
    ecutrho: float,
) -> FourierDensity:
    miller = miller_indices(atoms, ecutrho)
    if any(2 * largest + 1 > size for largest, size in zip(np.abs(miller).max(axis=0), shape, strict=True)):
        raise ValueError(f"the grid {shape} does not hold the plane waves up to {ecutrho} Ry")
    parts = [blocks] if magnetisation is None else [blocks, magnetisation]
    return FourierDensity(reciprocal_vectors(atoms), miller, [_coefficients(part, shape, miller) for part in parts])


def _coefficients(blocks: Iterable[np.ndarray], shape: Shape, miller: NDArray[np.int32]) -> NDArray[np.complex128]:
    from scipy.fft import fftn

    grid = np.empty(shape)
    start = 0
    for block in checked(blocks, shape):
        grid[:, :, start : start + block.shape[2]] = block
        start += block.shape[2]
    # a negative index counts from the end, where the coefficients of negative frequencies are
    first, second, third = miller.T
    coefficients: NDArray[np.complex128] = fftn(grid, norm="forward")[first, second, third] * BOHR**3
    return coefficients
