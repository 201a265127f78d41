"""One structure with its density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from deepaw.density.occupancies.data import OccupancySource
from deepaw.errors import InputError

BUDGET = 2_000_000_000
"""Bytes of densities kept in memory; what does not fit is read again when it is asked for."""

ELECTRON_SLACK = 0.02
"""Largest relative difference between a density's integral and the electron count given with it. Sums over a grid are
off by far less, wrong units (e/bohr^3, or electrons as in a CHGCAR) by far more."""


class DensityCache:
    """Densities already read, up to `budget` bytes together."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._room = budget
        self._held: dict[str, np.ndarray] = {}

    def get(self, name: str, read: Callable[[], np.ndarray]) -> np.ndarray:
        """The density called `name`, from memory or else by `read`."""
        if name in self._held:
            return self._held[name]
        density = read()
        if density.nbytes <= self._room:
            self._room -= density.nbytes
            self._held[name] = density
        return density


@dataclass(frozen=True, eq=False)
class Example:
    """One structure with its density.

    name: unique in its data set. kind: crystal type. electrons: valence electrons in the cell, where the source says
    them. origin: what messages call its density, such as the file. read: gives the density as the source holds it.
    occupancies: where its PAW occupancies are, if the source can hold any.
    """

    name: str
    kind: str
    atoms: Atoms
    electrons: float | None
    origin: str
    read: Callable[[], np.ndarray] = field(repr=False)
    cache: DensityCache = field(repr=False, default_factory=DensityCache)
    occupancies: OccupancySource | None = field(repr=False, default=None)

    def density(self) -> np.ndarray:
        """Valence electron density (nx, ny, nz), float32, e/A^3; point (i, j, k) at fractional (i/nx, j/ny, k/nz).

        Raises InputError: not a grid of finite numbers, or an integral that is not the number of electrons given.
        """
        return self.cache.get(self.name, self._checked)

    def integral(self) -> float:
        """Electrons in the density: its mean times the cell's volume."""
        return float(self.density().mean(dtype=np.float64) * self.atoms.get_volume())

    def electron_count(self) -> float:
        """Valence electrons in the cell: as given, or else the density's integral."""
        return self.integral() if self.electrons is None else self.electrons

    def _checked(self) -> np.ndarray:
        values = np.asarray(self.read())
        if values.ndim != 3 or values.size == 0 or values.dtype.kind not in "fiu":
            raise InputError(
                f"{self.origin} holds an array of shape {values.shape} and type {values.dtype}; a density of shape "
                "(nx, ny, nz) is needed."
            )
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise InputError(f"{self.origin} has a density with {bad} values that are not finite numbers.")
        if not values.any():
            raise InputError(f"{self.origin} has a density that is zero everywhere.")
        integral = float(values.mean(dtype=np.float64) * self.atoms.get_volume())
        if self.electrons is not None and abs(integral - self.electrons) > ELECTRON_SLACK * abs(self.electrons):
            raise InputError(
                f"{self.origin} has a density that integrates to {integral:.6g} electrons where {self.electrons:g} are "
                "given; the density must be in e/A^3."
            )
        return np.ascontiguousarray(values, dtype=np.float32)


def kind_of(atoms: Atoms, name: str | None = None, prototype: str | None = None) -> str:
    """The crystal type: the prototype given, else the name up to its first '_', else the reduced formula."""
    if prototype:
        return prototype
    if name and "_" in name.lstrip("_"):
        return name.lstrip("_").split("_")[0]
    formula, _ = atoms.symbols.formula.reduce()
    return formula.format("metal")
