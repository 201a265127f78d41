"""What electrostatics of atoms and centroids add to energies, forces and virials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.ewald import ewald_sum


@dataclass(frozen=True)
class LongRangePart:
    """energy: (), eV. force: (natoms, 3), eV/A. virial: (3, 3), eV, -dE/d(strain); float64."""

    energy: Tensor
    force: Tensor
    virial: Tensor


class LongRange:
    """Evaluates the energy of the charges of `DipoleCharge` in a periodic cell.

    precision, skin: of the model of dipoles, as of `Engine`.
    """

    def __init__(self, charges: DipoleCharge, precision: str = "float64", *, skin: float = 0.0) -> None:
        self._charges = charges
        self._engine = TensorEngine(charges.dipole, precision, skin=skin)

    @torch.no_grad()
    def evaluate(self, frame: Frame) -> LongRangePart:
        """One frame.

        Forces pass through the dipoles: with f_W the force on the centroid of atom i, dE/dr contains
        -f_W . d(r_i + mu_i)/dr. Raises InputError: no cell, or not periodic in all directions; two atoms on one spot.
        """
        cell = frame.cell
        if cell is None or not all(frame.periodic):
            raise InputError(
                "This potential has long-range electrostatics (model.modifier), which needs a cell that is periodic in "
                "all directions."
            )
        charges, config = self._charges, self._charges.config
        dipoles = self._engine.evaluate(frame).atom_tensor
        kinds = torch.from_numpy(np.asarray(frame.types, dtype=np.int64))
        places = torch.from_numpy(np.array(frame.coord))
        hosts = charges.hosts(kinds)
        sites, amounts = charges.sites(places, kinds, dipoles)
        found = ewald_sum(sites, amounts, torch.from_numpy(np.array(cell)), config.ewald_beta, config.ewald_h)
        natoms = len(places)
        on_centroids = torch.zeros(natoms, 3, dtype=torch.float64)
        on_centroids[hosts] = found.force[natoms:]
        through = self._engine.evaluate(frame, weights=-on_centroids[None].numpy())
        # centroids move with their atoms, not with the strain
        virial = found.virial - on_centroids.T @ dipoles + through.virial[0]
        return LongRangePart(found.energy, found.force[:natoms] + on_centroids + through.force[0], virial)
