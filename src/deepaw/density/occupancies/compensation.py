"""Compensation charges: what occupancies add to a smooth density.

    rho(r) = n(r) + sum_a sum_LM Q_a,LM g_L(|r - r_a|) Y_LM        Q_a,LM = sum_ij Delta_ij,LM D_a,ij + constants

the total density of PAW as a pseudo density n and charges that are known exactly once the occupancies D are (Kresse and
Joubert, Phys. Rev. B 59, 1758 (1999); GPAW: Mortensen et al., Phys. Rev. B 71, 035109 (2005)). The shapes are
Gaussians, g_L = N_L r^L exp(-(r / radius)^2), with integral of g_L r^(L + 2) one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gamma, pi, sqrt

import numpy as np
import torch
from ase.data import atomic_numbers
from ase.units import Bohr
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.occupancies.coupling import coupling_of, gaunt_factor
from deepaw.density.occupancies.readout import Components, OccupancyReadout
from deepaw.density.occupancies.setup import COMPENSATION_DEGREES, PawSetup

HARMONICS = COMPENSATION_DEGREES**2


@dataclass(frozen=True)
class _Element:
    """Moments of an element: weights of the rows of components, degree by degree, and the constant of L = 0."""

    weights: list[Tensor]
    constant: float
    radius: float


@dataclass(frozen=True)
class AtomicCharges:
    """Compensation charges of some atoms.

    moments: (natoms, 9), Q_LM in e A^L, components of e3nn. radii: (natoms,), A; 1 for atoms that have none, whose
    moments are zero.
    """

    moments: Tensor
    radii: Tensor

    def rows(self, atoms: slice | Tensor) -> AtomicCharges:
        """Those of some of the atoms, or of some numbers of atoms in any order."""
        return AtomicCharges(self.moments[atoms], self.radii[atoms])

    def profiles(self, distances: Tensor) -> Tensor:
        """What they add to the radial profiles f_LM of the atoms, L up to 2, at distances in A.

        distances: (natoms, n) or (1, n). Returns (natoms, n, 9), e/A^3, for harmonics whose squares add up to 2 L + 1.
        """
        scaled = distances / self.radii[:, None]
        decay = torch.exp(-scaled.square())
        parts = []
        for degree in range(COMPENSATION_DEGREES):
            shape = scaled**degree * decay * (2 / gamma(degree + 1.5) / sqrt(4 * pi))
            size = self.moments[:, degree**2 : (degree + 1) ** 2] / self.radii[:, None] ** (degree + 3)
            parts.append(shape.unsqueeze(-1) * size.unsqueeze(1))
        return torch.cat(parts, dim=-1)


class CompensationCharges:
    """Compensation charges of the elements whose setups say both their moments and their radius.

    readout: of the occupancies, whose device and dtype are used. setups: by symbol.
    """

    def __init__(self, readout: OccupancyReadout, setups: Mapping[str, PawSetup]) -> None:
        self._readout = readout
        self._elements: dict[str, _Element] = {}
        for symbol, setup in setups.items():
            if setup.delta is not None and setup.radius is not None:
                weights = [torch.from_numpy(row).to(readout.mean) for row in _row_weights(setup)]
                constant = setup.delta0 + (setup.electrons or 0.0) / sqrt(4 * pi)
                self._elements[symbol] = _Element(weights, constant, setup.radius)

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that have any."""
        return tuple(self._elements)

    def of_components(self, components: Components, numbers: NDArray[np.int64]) -> AtomicCharges:
        """Charges of atoms (natoms,) from what the readout gives for them; differentiable."""
        charges = self._none(numbers)
        for symbol, (atoms, blocks) in components.items():
            if symbol in self._elements:
                element = self._elements[symbol]
                parts = [
                    torch.einsum("nkm,k->nm", block, weight)
                    for block, weight in zip(blocks, element.weights, strict=False)
                ]
                moments = torch.cat(parts, dim=1)
                moments = torch.nn.functional.pad(moments, (0, HARMONICS - moments.shape[1])).to(charges.moments)
                moments[:, 0] += element.constant
                radii = charges.radii.index_fill(0, atoms, element.radius)
                charges = AtomicCharges(charges.moments.index_copy(0, atoms, moments), radii)
        return charges

    def of_means(self, numbers: NDArray[np.int64]) -> AtomicCharges:
        """Charges of atoms that have the mean occupancies of the training data."""
        means: Components = {}
        for element in self._readout.elements:
            found = np.flatnonzero(numbers == atomic_numbers[element.symbol])
            if len(found):
                atoms = torch.from_numpy(found).to(self._readout.mean.device)
                mean = self._readout.mean[element.rows[0]]
                means[element.symbol] = (atoms, [mean.expand(len(found), -1).unsqueeze(-1)])
        return self.of_components(means, numbers)

    def _none(self, numbers: NDArray[np.int64]) -> AtomicCharges:
        like = self._readout.mean
        return AtomicCharges(like.new_zeros(len(numbers), HARMONICS), like.new_ones(len(numbers)))


def _row_weights(setup: PawSetup) -> list[NDArray[np.float64]]:
    """For L = 0, 1, 2 the weight of every row of components in Q_LM, with lengths in A."""
    assert setup.delta is not None
    channels = setup.channels
    pairs = {pair: number for number, pair in enumerate(channels.pairs())}
    coupling = coupling_of(channels.degrees)
    rows: list[list[float]] = [[] for _ in range(COMPENSATION_DEGREES)]
    for (i, j, total), count in zip(coupling.terms, coupling.multiplicity, strict=True):
        if total < COMPENSATION_DEGREES:
            factor = gaunt_factor(channels.degrees[i], channels.degrees[j], total)
            rows[total].append(float(setup.delta[pairs[i, j], total] * factor * count * Bohr**total))
    return [np.array(row) for row in rows]
