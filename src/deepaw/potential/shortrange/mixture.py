"""Mixture of network energies and tabulated energies, for fixed positions of the atoms."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """Weights and tabulated energies in E_i = (1 - w_i) D_i + w_i (T_i + c_i), with derivatives; all float64.

    D: energies of the networks. T: energies of the table. c: constants of the types.

    weight: w, (natoms,).
    energy: T, (natoms,), eV.

    For the n pairs of atoms with w_i > 0:
    centre, neighbour: (n,).
    vector: r_ij, (n, 3), A.
    weight_slope: dw_i/dr_ij, (n, 3), 1/A.
    energy_slope: w_i dT_i/dr_ij, (n, 3), eV/A.
    """

    weight: Tensor
    energy: Tensor
    centre: Tensor
    neighbour: Tensor
    vector: Tensor
    weight_slope: Tensor
    energy_slope: Tensor

    @property
    def nbytes(self) -> int:
        """Memory of all tensors, bytes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def to(self, device: torch.device) -> Mixture:
        """Copy to a device."""
        return Mixture(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def masked(self, contributes: Tensor) -> Mixture:
        """Set the energies of atoms with contributes (natoms,) 0 rather than 1, and their derivatives, to 0."""
        mask = contributes[self.centre].unsqueeze(1)
        return replace(
            self,
            energy=self.energy * contributes,
            weight_slope=self.weight_slope * mask,
            energy_slope=self.energy_slope * mask,
        )

    def energies(self, energy: Tensor, shift: Tensor) -> Tensor:
        """Compute E (natoms,), eV, from energy: D, and shift: c, (natoms,), eV."""
        return energy + self.weight * (self.energy + shift - energy)

    def gradient(self, energy: Tensor, shift: Tensor) -> Tensor:
        """Compute dE_i/dr_ij (n, 3), eV/A, without the term (1 - w_i) dD_i/dr_ij, from D and c (natoms,), eV."""
        difference = (self.energy + shift - energy)[self.centre]
        return torch.addcmul(self.energy_slope, difference.unsqueeze(1), self.weight_slope)

    def forces(self, gradient: Tensor) -> Tensor:
        """Compute forces (natoms, 3), eV/A, from the result of `gradient`."""
        force = gradient.new_zeros(len(self.weight), 3)
        return force.index_add(0, self.centre, gradient).index_add(0, self.neighbour, -gradient)

    def virials(self, gradient: Tensor, group: Tensor, groups: int) -> Tensor:
        """Compute virials summed over groups of pairs (groups, 3, 3), eV, from the result of `gradient`.

        group: group of each pair (n,), such as its frame or its neighbour. groups: number of groups.
        """
        pair_virial = -gradient.unsqueeze(2) * self.vector.unsqueeze(1)
        return gradient.new_zeros(groups, 3, 3).index_add(0, group, pair_virial)
