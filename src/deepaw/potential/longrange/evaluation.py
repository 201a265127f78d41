"""Electrostatic energy, forces and virial of the charges on atoms and Wannier centroids."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.errors import InputError
from deepaw.modelsource import copied
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.longrange.dipole_charge import DipoleCharge
from deepaw.potential.longrange.ewald import ewald_sum


@dataclass(frozen=True)
class LongRangeEvaluation:
    """Electrostatic contribution to one frame; all float64.

    energy: (), eV. force: (natoms, 3), eV/A. virial: -dE/d(strain), (3, 3), eV.
    """

    energy: Tensor
    force: Tensor
    virial: Tensor


class LongRange:
    """Evaluator of the energy of the charges of `DipoleCharge` in a periodic cell.

    precision, skin: for the engine of the dipole model, as for `Engine`.
    """

    def __init__(self, charges: DipoleCharge, precision: str = "float64", *, skin: float = 0.0) -> None:
        self._charges = charges
        self._engine = TensorEngine(charges.dipole, precision, skin=skin)

    def __copy__(self) -> LongRange:
        twin = copied(self)
        twin._engine = copy.copy(self._engine)
        return twin

    @torch.no_grad()
    def evaluate(self, frame: Frame) -> LongRangeEvaluation:
        """Evaluate one frame.

        Forces include the dependence of the centroids on all atoms: with f_W the force on the centroid of atom i,
        dE/dr contains -f_W . d(r_i + mu_i)/dr.

        Raises InputError: no cell, or not periodic in all directions; two atoms at the same position.
        """
        cell = frame.cell
        if cell is None or not all(frame.periodic):
            raise InputError(
                "This potential has long-range electrostatics (model.modifier), which needs a cell that is periodic in "
                "all directions."
            )
        charges, config = self._charges, self._charges.config
        dipoles = self._engine.evaluate(frame).atom_tensor
        types = torch.from_numpy(np.asarray(frame.types, dtype=np.int64))
        coord = torch.from_numpy(np.array(frame.coord))
        sites, site_charges = charges.sites(coord, types, dipoles)
        ewald = ewald_sum(sites, site_charges, torch.from_numpy(np.array(cell)), config.ewald_beta, config.ewald_h)
        natoms = len(coord)
        centroid_force = torch.zeros(natoms, 3, dtype=torch.float64)
        centroid_force[charges.centroid_atoms(types)] = ewald.force[natoms:]
        # derivatives of E through the dipoles, those of w = -sum_i f_W,i . mu_i
        dipole_part = self._engine.evaluate(frame, weights=-centroid_force[None].numpy())
        # ewald.virial includes a scaling of the dipoles with the strain, which is subtracted
        virial = ewald.virial - centroid_force.T @ dipoles + dipole_part.virial[0]
        return LongRangeEvaluation(ewald.energy, ewald.force[:natoms] + centroid_force + dipole_part.force[0], virial)
