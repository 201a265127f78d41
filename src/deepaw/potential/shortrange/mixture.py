"""Energies of networks and of a table put together, for given positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """E_i = (1 - w_i) D_i + w_i (T_i + c_i) with what of it depends on positions alone; all float64.

    D: energies of networks; T: of the table; c: constants of types. weight: w (natoms,). energy: T (natoms,), eV.

    Of the n pairs that matter: centre, neighbour, and vector (n, 3), A; weight_slope (n, 3), 1/A, the derivative in
    the vector of the centre's w, and energy_slope (n, 3), eV/A, that of w T at constant w.
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
        """Memory it takes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def to(self, device: torch.device) -> Mixture:
        """The same on a device."""
        return Mixture(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def of_types(self, contributes: Tensor) -> Mixture:
        """Without energies of the atoms (natoms,) that contribute 0 rather than 1."""
        pairs = contributes[self.centre].unsqueeze(1)
        return replace(
            self,
            energy=self.energy * contributes,
            weight_slope=self.weight_slope * pairs,
            energy_slope=self.energy_slope * pairs,
        )

    def energies(self, energy: Tensor, shift: Tensor) -> Tensor:
        """E (natoms,), eV, from D and c (natoms,)."""
        return energy + self.weight * (self.energy + shift - energy)

    def gradient(self, energy: Tensor, shift: Tensor) -> Tensor:
        """dE/dr of the pairs (n, 3), eV/A, beside that of D at constant w, from D and c (natoms,)."""
        difference = (self.energy + shift - energy)[self.centre]
        return torch.addcmul(self.energy_slope, difference.unsqueeze(1), self.weight_slope)

    def forces(self, gradient: Tensor) -> Tensor:
        """(natoms, 3), eV/A, from `gradient`."""
        force = gradient.new_zeros(len(self.weight), 3)
        return force.index_add(0, self.centre, gradient).index_add(0, self.neighbour, -gradient)

    def virials(self, gradient: Tensor, group: Tensor, groups: int) -> Tensor:
        """Those of groups of pairs (groups, 3, 3), eV, from `gradient`; group: (n,), such as frames or neighbours."""
        of_pairs = -gradient.unsqueeze(2) * self.vector.unsqueeze(1)
        return gradient.new_zeros(groups, 3, 3).index_add(0, group, of_pairs)


def join_mixtures(mixtures: Sequence[Mixture | None], moved: Sequence[Tensor]) -> Mixture | None:
    """That of several frames as one; moved: for each frame, where its atoms are then."""
    given = [(mixture, place) for mixture, place in zip(mixtures, moved, strict=True) if mixture is not None]
    if not given:
        return None
    natoms = sum(len(place) for place in moved)
    first = given[0][0]
    weight, energy = first.weight.new_zeros(natoms), first.energy.new_zeros(natoms)
    for mixture, place in given:
        weight[place], energy[place] = mixture.weight, mixture.energy
    return Mixture(
        weight,
        energy,
        torch.cat([place[mixture.centre] for mixture, place in given]),
        torch.cat([place[mixture.neighbour] for mixture, place in given]),
        *(
            torch.cat([getattr(mixture, name) for mixture, _ in given])
            for name in ("vector", "weight_slope", "energy_slope")
        ),
    )
