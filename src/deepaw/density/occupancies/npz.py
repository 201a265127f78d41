"""Density matrices beside extxyz with npz densities, as GPAW's setups give them.

augmentation/<name>.npz       D0, D1, ...: (ni, ni) of every atom in the order of the structure, summed over spins
setups/setup-<element>.npz    n_j, l_j, D0_packed, Delta_pL, Delta0, Nv, fingerprint; in the folder of `augmentation` or
                              in the one above; optionally `cutoff` (eV) and `xc` of the calculations,
                              and `radius` (A) of the Gaussian shapes of the compensation charges
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from deepaw.density.occupancies.channels import LETTERS, Channels
from deepaw.density.occupancies.data import AtomicMatrices
from deepaw.density.occupancies.setup import PawSetup, free_atom_components, radial_charges
from deepaw.errors import InputError

FOLDER, SETUPS = "augmentation", "setups"

LONGEST_ASYMMETRY = 1e-3
"""Largest |D - D^T| relative to the largest |D| of a matrix that is taken for symmetric."""


class NpzOccupancies:
    """Occupancies of the structure `name`, beside the extxyz file in `folder`; setups are read once for all."""

    def __init__(self, folder: Path, name: str, atoms: Atoms, setups: dict[Path, PawSetup]) -> None:
        self._path = folder / FOLDER / f"{name}.npz"
        self._folder, self._atoms, self._setups = folder, atoms, setups

    def read(self, channels: Mapping[str, Channels]) -> AtomicMatrices | None:
        """Setups and matrices, None where the structure has no file. `channels` are not needed here.

        Raises InputError: a damaged file, matrices of another number or size than the atoms' setups, numbers that are
        not finite.
        """
        if not self._path.is_file():
            return None
        arrays = _read(self._path)
        symbols = list(self._atoms.symbols)
        found = sum(key[0] == "D" and key[1:].isdigit() for key in arrays)
        if found != len(symbols):
            raise InputError(
                f"{self._path} has density matrices of {found} atoms and the structure has {len(symbols)}; it should "
                f"hold D0 ... D{len(symbols) - 1}."
            )
        setups = {symbol: self._setup(symbol) for symbol in dict.fromkeys(symbols)}
        matrices = [_matrix(self._path, arrays, atom, setups[symbol].channels) for atom, symbol in enumerate(symbols)]
        return AtomicMatrices(str(self._path), setups, matrices)

    def _setup(self, symbol: str) -> PawSetup:
        places = [folder / SETUPS / f"setup-{symbol}.npz" for folder in (self._folder, self._folder.parent)]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise InputError(
                f"{self._path} holds density matrices, but there is no setup of {symbol}: neither {places[0]} nor "
                f"{places[1]} is there."
            )
        if path not in self._setups:
            self._setups[path] = read_setup(path, symbol)
        return self._setups[path]


def read_setup(path: Path, symbol: str) -> PawSetup:
    """The setup in a file. Raises InputError: something is missing, or does not fit together."""
    arrays = _read(path)
    try:
        quantum_numbers = tuple(zip(arrays["n_j"].tolist(), arrays["l_j"].tolist(), strict=True))
        if not quantum_numbers or not all(degree in range(len(LETTERS)) for _, degree in quantum_numbers):
            raise ValueError("l_j should hold angular momenta")
        channels = Channels(symbol, quantum_numbers)
        return PawSetup(
            channels,
            str(arrays["fingerprint"]),
            float(arrays["Nv"]),
            free_atom_components(channels, arrays["D0_packed"].reshape(-1, arrays["D0_packed"].shape[-1]).sum(axis=0)),
            radial_charges(channels, arrays["Delta_pL"]),
            float(arrays["Delta0"]),
            float(arrays["cutoff"]) if "cutoff" in arrays else None,
            str(arrays["xc"]) if "xc" in arrays else None,
            float(arrays["radius"]) if "radius" in arrays else None,
        )
    except KeyError as error:
        raise InputError(f"{path} is not a setup: it has no array {error}.") from None
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path} is not a setup that fits together: {error}.") from None


def _matrix(path: Path, arrays: Mapping[str, Any], atom: int, channels: Channels) -> NDArray[np.float64]:
    key, size = f"D{atom}", channels.size
    if key not in arrays:
        raise InputError(f"{path} has no array {key}; it should hold D0, D1, ..., one for each atom.")
    matrix = np.asarray(arrays[key])
    if matrix.shape != (size, size) or matrix.dtype.kind not in "fiu":
        raise InputError(
            f"{path} holds {key} of shape {matrix.shape} where atom {atom + 1} is {channels.element}, whose setup has "
            f"{size} projectors ({channels.name}); it should be ({size}, {size}), atoms in the order of the structure."
        )
    matrix = matrix.astype(np.float64)
    if not np.isfinite(matrix).all():
        raise InputError(f"{path} holds {key} with values that are not finite numbers.")
    if np.abs(matrix - matrix.T).max() > LONGEST_ASYMMETRY * np.abs(matrix).max():
        raise InputError(f"{path} holds {key}, which is not symmetric; a density matrix should be.")
    symmetric: NDArray[np.float64] = (matrix + matrix.T) / 2
    return symmetric


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an npz file of plain numbers, or is cut short.") from error
