"""Universal screened repulsion of two nuclei (Ziegler, Biersack and Littmark, The Stopping and Range of Ions in Matter,
vol. 1, Pergamon 1985).

    E(r) = Z1 Z2 e^2 / (4 pi eps0 r) phi(r / a),     a = 0.8854 a0 / (Z1^0.23 + Z2^0.23)
    phi(x) = 0.1818 e^(-3.2 x) + 0.5099 e^(-0.9423 x) + 0.2802 e^(-0.4029 x) + 0.02817 e^(-0.2016 x)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase.data import atomic_numbers
from scipy.constants import physical_constants

from deepaw.errors import InputError
from deepaw.potential.neighbours.switch import switch
from deepaw.potential.shortrange.table import PairTable

BOHR = 1e10 * physical_constants["Bohr radius"][0]
"""Bohr radius a0, A."""

COULOMB = physical_constants["Hartree energy in eV"][0] * BOHR
"""e^2 / (4 pi eps0), eV A."""

SWITCH_START = 0.8
"""Distance at which tables begin to go to 0, as a fraction of the cutoff."""

_WEIGHTS = (0.1818, 0.5099, 0.2802, 0.02817)
_DECAYS = (3.2, 0.9423, 0.4029, 0.2016)


def zbl_energy(first: int, second: int, r: np.ndarray) -> np.ndarray:
    """Compute the energy (n,), eV, of two atoms with atomic numbers first and second at distances r > 0, (n,), A."""
    x = r * (first**0.23 + second**0.23) / (0.8854 * BOHR)
    screening = sum(weight * np.exp(-decay * x) for weight, decay in zip(_WEIGHTS, _DECAYS, strict=True))
    return np.asarray(COULOMB * first * second / r * screening)


def zbl_table(type_map: Sequence[str], rcut: float, spacing: float) -> PairTable:
    """Return the energies of all pairs of types at distances spacing, 2 spacing, ... rcut, A.

    They go to 0 between `SWITCH_START` rcut and rcut, with the switching function of descriptors.

    Raises InputError: a type that is not an element; an invalid spacing or cutoff.
    """
    for name in type_map:
        if not atomic_numbers.get(name):
            raise InputError(f"The type {name} is not a chemical element, so that it has no nuclear charge.")
    if not 0 < spacing < rcut / 2 < float("inf"):
        raise InputError(
            f"A spacing of {spacing:g} A up to {rcut:g} A makes no table; it should be above 0 and far below the end."
        )
    steps = round(rcut / spacing)
    r = np.linspace(rcut / steps, rcut, steps)
    weight = switch(torch.from_numpy(r), SWITCH_START * rcut, rcut).numpy()
    charges = [atomic_numbers[name] for name in type_map]
    pairs = [(charges[i], charges[j]) for i, j in zip(*np.triu_indices(len(charges)), strict=True)]
    return PairTable(np.stack([r, *(weight * zbl_energy(*pair, r) for pair in pairs)], axis=1))
