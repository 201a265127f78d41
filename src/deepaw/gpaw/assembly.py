"""Total density and PAW density matrices as the state of a GPAW calculation.

In PAW the total density is rho = n + sum_a sum_L Q_aL g_L(r - R_a): a smooth pseudo density n and compensation charges,
whose moments are linear in the density matrices of the atoms, Q_aL = sum_ij Delta_ijL D_aij + constants. Given rho and
all D this yields n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.units import Bohr
from numpy.typing import NDArray

from deepaw.errors import InputError
from deepaw.structure.checks import label


def set_density(
    density: Any, setups: Any, relpos_ac: NDArray[np.float64], total: NDArray, occupancies: Sequence[NDArray]
) -> None:
    """Replace the pseudo density and the density matrices of a spin-paired `gpaw.new.density.Density`.

    density: with any pseudo density, such as the superposition of atoms; changed in place.
    setups: gpaw.setup.Setups. relpos_ac: fractional coordinates (natoms, 3).
    total: rho in e/A^3 on a grid of any size; a finer one than that of `density` resolves compensation charges better.
    occupancies: D of each atom (ni, ni), summed over spins.

    The compensation charges are subtracted on the grid of `total`; what is left is smooth, and its Fourier series is
    cut, or continued with zeros, to the grid of `density`.
    """
    for atom, matrix in enumerate(occupancies):
        density.D_asii[atom][0] = matrix
    smooth = density.nt_sR.to_pbc_grid()
    grid = smooth.desc.new(size=total.shape)
    values = np.asarray(total, dtype=np.float64) * Bohr**3 - _compensation_charges(density, setups, relpos_ac, grid)
    nx, ny, nz = (int(size) for size in smooth.desc.size)
    smooth.data[0] = resample(values, (nx, ny, nz))
    if smooth is not density.nt_sR:
        density.nt_sR.from_pbc_grid(smooth)


def resample(values: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return periodic values on a grid of `shape` by cutting their Fourier series, or continuing it with zeros.

    The wave of the highest frequency of an even size stands for waves of both signs: it is their sum where the series
    is cut and is halved between them where it is continued, so that cutting takes back a continuation.
    """
    spectrum = np.fft.fftn(values)
    for axis, size in enumerate(shape):
        spectrum = np.moveaxis(_resample_spectrum(np.moveaxis(spectrum, axis, 0), size), 0, axis)
    resampled: NDArray[np.float64] = np.fft.ifftn(spectrum).real * (np.prod(shape) / values.size)
    return resampled


def _resample_spectrum(spectrum: NDArray[np.complex128], size: int) -> NDArray[np.complex128]:
    """Return the spectrum along the first axis for `size` points."""
    before = len(spectrum)
    if size == before:
        return spectrum
    few = min(size, before)
    positive, negative = spectrum[: (few + 1) // 2], spectrum[before - few // 2 :].copy()
    if size < before:
        if few % 2 == 0:
            negative[0] += spectrum[few // 2]
        return np.concatenate([positive, negative])
    zeros = np.zeros((size - few, *spectrum.shape[1:]), dtype=spectrum.dtype)
    if few % 2 == 0:
        negative[0] /= 2
        zeros[0] = negative[0]
    return np.concatenate([positive, zeros, negative])


def _compensation_charges(density: Any, setups: Any, relpos_ac: NDArray[np.float64], grid: Any) -> NDArray[np.float64]:
    """Return sum_a sum_L Q_aL g_L in e/bohr^3, with which the total density has the valence electrons."""
    from gpaw.core.atom_arrays import AtomArraysLayout

    atomdist = density.D_asii.layout.atomdist
    charges = AtomArraysLayout([(1, setup.Delta_iiL.shape[2]) for setup in setups], atomdist=atomdist).empty()
    for atom, setup in enumerate(setups):
        charges[atom][0] = np.einsum("ij,ijL->L", density.D_asii[atom][0], setup.Delta_iiL)
        charges[atom][0, 0] += setup.Delta0 + setup.Nv / np.sqrt(4 * np.pi)
    values = grid.zeros(1)
    setups.create_compensation_charges(grid, relpos_ac, atomdist).add_to(values, charges)
    result: NDArray[np.float64] = values.data[0]
    return result


def check_occupancies(setups: Any, atoms: Any, occupancies: Sequence[NDArray | None]) -> list[NDArray]:
    """Return the density matrices of all atoms.

    Raises InputError: one is missing, is not finite, or has another size than the atom's setup.
    """
    if len(occupancies) != len(atoms):
        raise InputError(f"There are occupancies of {len(occupancies)} atoms for a structure of {len(atoms)}.")
    missing = sorted({atoms.symbols[i] for i, matrix in enumerate(occupancies) if matrix is None})
    if missing:
        raise InputError(
            f"There are no PAW occupancies for {', '.join(missing)}; a start without them saves nothing, so a model "
            "trained on occupancies of these elements is needed."
        )
    matrices = []
    for i, (setup, matrix) in enumerate(zip(setups, occupancies, strict=True)):
        assert matrix is not None
        if matrix.shape != (setup.ni, setup.ni):
            raise InputError(
                f"The occupancies of {label(atoms, i)} have the shape {matrix.shape}; its GPAW setup has {setup.ni} "
                f"projectors, so it must be ({setup.ni}, {setup.ni})."
            )
        if not np.isfinite(matrix).all():
            raise InputError(f"The occupancies of {label(atoms, i)} are not all finite numbers.")
        matrices.append(np.asarray(matrix, dtype=np.float64))
    return matrices
