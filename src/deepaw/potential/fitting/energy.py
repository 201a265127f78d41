"""Fitting net of atomic energies (`ener`)."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from deepaw.potential.fitting.base import FittingNets, NetsConfig
from deepaw.potential.network.gradient import with_gradient
from deepaw.potential.network.passes import has_passes


class EnergyFittingConfig(NetsConfig):
    """One fitting net for each type of atom; its output is the atom's energy in eV."""

    type: Literal["ener"] = "ener"
    atom_ener: tuple[float | None, ...] = Field(
        (), description="energies of isolated atoms by type, eV, fixed instead of fitted; null if unknown"
    )
    use_aparam_as_mask: bool = Field(
        False, description="aparam is a mask, 1 for real atoms and 0 for virtual ones, for se_a_mask"
    )

    @model_validator(mode="after")
    def _check_mask(self) -> Self:
        if self.use_aparam_as_mask and self.numb_aparam != 1:
            raise ValueError(f"numb_aparam is {self.numb_aparam}; it should be 1, for use_aparam_as_mask")
        return self

    @property
    def numb_aparam_inputs(self) -> int:
        """Number of atomic parameters that are inputs of the nets: 0 if aparam is a mask."""
        return 0 if self.use_aparam_as_mask else self.numb_aparam

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError unless `atom_ener` is empty or has an entry for each type."""
        if len(self.atom_ener) not in (0, ntypes):
            raise ValueError(
                f"atom_ener has {len(self.atom_ener)} entries; it should have one for each of the {ntypes} types"
            )


class EnergyFitting(FittingNets):
    """E_i = net of the centre's type (D_i, frame parameters, atom parameters).

    For types with an energy in `atom_ener`, net(0, parameters) is subtracted, so that an isolated atom has that energy;
    if one net serves all types, it is subtracted for all of them.
    """

    config: EnergyFittingConfig

    def __init__(
        self,
        config: EnergyFittingConfig,
        ntypes: int,
        width: int,
        *,
        shared: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(config, ntypes, width, 1, shared=shared, generator=generator)

    def evaluate_type(
        self, kind: int, D: Tensor, parameters: Tensor | None, compute: torch.dtype | None = None
    ) -> Tensor:
        """Compute energies (n,), eV, of atoms of one type.

        D: descriptors (n, width). parameters: their rows of `normalised_parameters`. compute: as for `FittingNet`.
        """
        return self.net_outputs(kind, D, parameters, compute).squeeze(1) - self.isolated_atom_energy(kind, parameters)

    def energy_and_gradient(
        self, kind: int, D: Tensor, parameters: Tensor | None, factor: Tensor, compute: torch.dtype | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the energies E of `evaluate_type` and grad_D = factor dE/dD, (n, width), for factors (n,).

        Both are differentiable once, in D and in the weights.
        """
        x = D.to(self.dtype)
        net = self.net(kind)
        if has_passes(net):
            x = x if parameters is None else torch.cat([x, parameters], dim=1)
            E, grad_x = with_gradient(net, x, factor, compute)
            return E - self.isolated_atom_energy(kind, parameters), grad_x[:, : self.width].to(D.dtype)
        E = self.evaluate_type(kind, D, parameters, compute)
        (grad_D,) = torch.autograd.grad(E, D, factor.to(E.dtype), create_graph=True)
        return E, grad_D

    def subtracts_isolated_atom(self, kind: int) -> bool:
        """Whether net(0, parameters) is subtracted from the energies of a type."""
        atom_ener = self.config.atom_ener
        return any(energy is not None for energy in atom_ener) and (self.shared or atom_ener[kind] is not None)

    def isolated_atom_energy(self, kind: int, parameters: Tensor | None) -> Tensor | float:
        """Compute net(0, parameters), (n,) or (1,), which is subtracted with `atom_ener`; 0 for types without it."""
        if not self.subtracts_isolated_atom(kind):
            return 0.0
        natoms = 1 if parameters is None else len(parameters)
        zero = torch.zeros(natoms, self.width, dtype=self.dtype, device=self.fparam_mean.device)
        return self.net_outputs(kind, zero, parameters).squeeze(1)

    def forward(self, D: Tensor, types: Tensor, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Compute energies (natoms,), eV.

        D: descriptors (natoms, width). types: (natoms,). fparam, aparam: as for `normalised_parameters`.
        """
        parameters = self.normalised_parameters(len(D), fparam, aparam)
        energy = torch.zeros(len(D), dtype=self.dtype, device=D.device)
        for kind in types.unique().tolist():
            atoms = torch.nonzero(types == kind).squeeze(1)
            type_energy = self.evaluate_type(kind, D[atoms], None if parameters is None else parameters[atoms])
            energy = energy.index_put((atoms,), type_energy)
        return energy
