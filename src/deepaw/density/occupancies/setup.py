"""PAW setups: what the occupancies of an element are occupancies of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.coupling import coupling_block, coupling_of, gaunt_factor, to_z_polar

Array = NDArray[np.float64]

COMPENSATION_DEGREES = 3
"""Compensation charges have degrees L = 0, 1, 2."""


@dataclass(frozen=True, eq=False)
class PawSetup:
    """Setup of an element, as far as densities need it.

    fingerprint: of the setup's file, empty where the source does not say it (a CHGCAR).
    electrons: valence electrons, or None. free_atom: components x of the free atom's matrix, of degree 0
    (counts[0],), or None. delta: radial part (pairs of channels, 3) of the compensation charges Q_L, or None; delta0:
    what is added for L = 0. cutoff: of plane waves in eV, and xc: exchange-correlation functional, of the calculations
    that the occupancies are from, where they are known. radius: of the Gaussian shapes of the compensation charges, A.
    """

    channels: Channels
    fingerprint: str = ""
    electrons: float | None = None
    free_atom: Array | None = None
    delta: Array | None = None
    delta0: float = 0.0
    cutoff: float | None = None
    xc: str | None = None
    radius: float | None = None

    @property
    def Delta_pL(self) -> Array:  # noqa: N802 (the name in GPAW)
        """Compensation charges (ni (ni + 1) / 2, 9): Q_L = sum_p Delta_pL D_p + delta0 for L = 0, D packed as in GPAW.

        Raises ValueError: the setup has none.
        """
        if self.delta is None:
            raise ValueError(f"the setup of {self.channels.element} has no compensation charges")
        return _packed(_charges(self.channels) * _spread(self.channels, self.delta))

    def matches(self, other: PawSetup) -> bool:
        """Whether occupancies of both are of the same channels, setup, cutoff and functional, as far as is known."""
        known = [
            (mine, others)
            for mine, others in ((self.cutoff, other.cutoff), (self.xc, other.xc))
            if mine is not None and others is not None
        ]
        same = self.channels.degrees == other.channels.degrees and self.fingerprint == other.fingerprint
        return same and all(mine == others for mine, others in known)

    @property
    def name(self) -> str:
        """Channels, fingerprint, cutoff and functional in a few words."""
        parts = [
            self.channels.name,
            f"fingerprint {self.fingerprint}" if self.fingerprint else "",
            f"{self.cutoff:g} eV" if self.cutoff is not None else "",
            self.xc or "",
        ]
        return ", ".join(part for part in parts if part)

    def free_atom_matrix(self) -> Array | None:
        """D (ni, ni) of the free atom."""
        coupling = coupling_of(self.channels.degrees)
        return None if self.free_atom is None else coupling.uncouple(coupling.join([self.free_atom[None, :, None]])[0])

    def description(self) -> dict[str, Any]:
        """JSON-serialisable part: everything but arrays."""
        return {
            "channels": [list(pair) for pair in self.channels.quantum_numbers],
            "fingerprint": self.fingerprint,
            "electrons": self.electrons,
            "delta0": self.delta0,
            "cutoff": self.cutoff,
            "xc": self.xc,
            "radius": self.radius,
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays there are, by name."""
        pairs = {"free_atom": self.free_atom, "delta": self.delta}
        return {name: value for name, value in pairs.items() if value is not None}


def setup_of_description(element: str, content: dict[str, Any], arrays: dict[str, Array]) -> PawSetup:
    """The setup whose `description` and `arrays` these are."""
    return PawSetup(
        Channels(element, tuple((int(n), int(degree)) for n, degree in content["channels"])),
        content["fingerprint"],
        content["electrons"],
        arrays.get("free_atom"),
        arrays.get("delta"),
        content["delta0"],
        content["cutoff"],
        content["xc"],
        content.get("radius"),
    )


def radial_charges(channels: Channels, packed: Array) -> Array:
    """Radial part (pairs of channels, 3) of compensation charges `packed` (ni (ni + 1) / 2, 9).

    Raises ValueError: charges that are not radial integrals times Gaunt coefficients.
    """
    angular = _charges(channels)
    rows, columns = np.triu_indices(channels.size)
    full = np.zeros((channels.size, channels.size, packed.shape[1]))
    full[rows, columns] = full[columns, rows] = packed
    slices = channels.slices()
    delta = np.zeros((len(channels.pairs()), COMPENSATION_DEGREES))
    for number, (i, j) in enumerate(channels.pairs()):
        for total in range(COMPENSATION_DEGREES):
            part = (slices[i], slices[j], slice(total**2, (total + 1) ** 2))
            norm = (angular[part] ** 2).sum()
            delta[number, total] = (angular[part] * full[part]).sum() / norm if norm > 0 else 0.0
    if not np.allclose(_packed(angular * _spread(channels, delta)), packed, rtol=0, atol=1e-7):
        raise ValueError("they are not radial integrals times Gaunt coefficients")
    return delta


def free_atom_components(channels: Channels, packed: Array) -> Array:
    """Components of degree 0 of the free atom; its matrix is packed, off-diagonal elements doubled, as in GPAW."""
    rows, columns = np.triu_indices(channels.size)
    matrix = np.zeros((channels.size, channels.size))
    matrix[rows, columns] = matrix[columns, rows] = packed / np.where(rows == columns, 1, 2)
    coupling = coupling_of(channels.degrees)
    scalars: Array = coupling.split(coupling.couple(matrix)[None])[0][0, :, 0]
    return scalars


def _charges(channels: Channels) -> Array:
    """Gaunt coefficients (ni, ni, 9) of all projectors with the harmonics of degrees 0, 1, 2."""
    slices = channels.slices()
    result = np.zeros((channels.size, channels.size, COMPENSATION_DEGREES**2))
    for i, first in enumerate(channels.degrees):
        for j, second in enumerate(channels.degrees):
            for total in range(COMPENSATION_DEGREES):
                if abs(first - second) <= total <= first + second and (first + second + total) % 2 == 0:
                    block = np.einsum("MN,Nab->abM", to_z_polar(total), coupling_block(first, second, total))
                    part = (slices[i], slices[j], slice(total**2, (total + 1) ** 2))
                    result[part] = gaunt_factor(first, second, total) * block
    return result


def _spread(channels: Channels, delta: Array) -> Array:
    """Radial parts (pairs, 3) as (ni, ni, 9)."""
    slices = channels.slices()
    result = np.zeros((channels.size, channels.size, COMPENSATION_DEGREES**2))
    repeated = np.repeat(delta, [2 * total + 1 for total in range(COMPENSATION_DEGREES)], axis=1)
    for (i, j), row in zip(channels.pairs(), repeated, strict=True):
        result[slices[i], slices[j]] = row
        result[slices[j], slices[i]] = row
    return result


def _packed(matrices: Array) -> Array:
    """Upper triangles (ni (ni + 1) / 2, ...) of (ni, ni, ...), row after row."""
    rows, columns = np.triu_indices(len(matrices))
    return matrices[rows, columns]
