"""Settings that all calculations of a data set share."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from ase import Atoms

from deepaw.errors import InputError
from deepaw.gpaw.parameters import CUTOFF, KSPACING, SMEARING, XC, default_parameters


@dataclass(frozen=True)
class DataSettings:
    """xc: functional. cutoff: of plane waves, eV. kspacing: of k points, 1/A. smearing: Fermi-Dirac width, eV.

    Raises InputError: numbers that are not above 0.
    """

    xc: str = XC
    cutoff: float = CUTOFF
    kspacing: float = KSPACING
    smearing: float = SMEARING

    def __post_init__(self) -> None:
        for key, unit in (("cutoff", "eV"), ("kspacing", "1/A"), ("smearing", "eV")):
            value = getattr(self, key)
            if not (isfinite(value) and value > 0):
                raise InputError(f"--{key} is {value:g} {unit}; it must be above 0.")

    def parameters(self, atoms: Atoms) -> dict[str, Any]:
        """Return the keyword arguments of GPAW for a structure."""
        return default_parameters(atoms, xc=self.xc, cutoff=self.cutoff, kspacing=self.kspacing, smearing=self.smearing)
