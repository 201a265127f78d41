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
    total: rho (m nx, m ny, m nz) in e/A^3, on the grid of `density` refined by a whole number m.
    occupancies: D of each atom (ni, ni), summed over spins.

    Compensation charges are subtracted on the grid of `total`; the rest is restricted to the grid of `density` by
    cutting its Fourier series. Raises InputError for a grid or matrices of other shapes.
    """
    from gpaw.densities import Densities

    coarse = density.nt_sR.to_pbc_grid()
    refinement = _refinement(total.shape, coarse.desc.size)
    for D_ii, matrix in zip(_matrices(density), occupancies, strict=True):
        D_ii[:] = matrix
    current = Densities(density.nt_sR, density.D_asii, relpos_ac, setups)
    current_total = current.pseudo_densities(grid_refinement=refinement).data[0]
    difference = (np.asarray(total, dtype=np.float64) - current_total) * Bohr**3
    coarse.data[0] += restrict(difference, tuple(int(size) for size in coarse.desc.size))
    if coarse is not density.nt_sR:
        density.nt_sR.from_pbc_grid(coarse)


def restrict(values: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return periodic values on a coarser grid of `shape`, by cutting their Fourier series.

    Waves of both signs of the highest frequency of an even size, which are one on the coarse grid, are added: so this
    takes back an interpolation of GPAW exactly.
    """
    spectrum = np.fft.fftn(values)
    for axis, size in enumerate(shape):
        spectrum = np.moveaxis(spectrum, axis, 0)
        if len(spectrum) > size:
            negative = spectrum[len(spectrum) - size // 2 :].copy()
            if size % 2 == 0:
                negative[0] += spectrum[size // 2]
            spectrum = np.concatenate([spectrum[: (size + 1) // 2], negative])
        spectrum = np.moveaxis(spectrum, 0, axis)
    restricted: NDArray[np.float64] = np.fft.ifftn(spectrum).real * (np.prod(shape) / values.size)
    return restricted


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


def _matrices(density: Any) -> list[NDArray]:
    return [density.D_asii[atom][0] for atom in range(density.natoms)]


def _refinement(shape: Sequence[int], coarse: Sequence[int]) -> int:
    refinement = shape[0] // coarse[0]
    if refinement < 1 or tuple(shape) != tuple(refinement * int(size) for size in coarse):
        raise InputError(
            f"The density is on a grid of {' x '.join(map(str, shape))} points; this GPAW calculation needs "
            f"{' x '.join(map(str, coarse))}, or a whole multiple of it."
        )
    return refinement
