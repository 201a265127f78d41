"""Atomic energies from descriptors (`ener`)."""

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
        (), description="energies of single atoms by type, eV, fixed instead of fitted; null where not known"
    )
    use_aparam_as_mask: bool = Field(
        False, description="aparam says which atoms are there (1) and which fill up a frame (0), for se_a_mask"
    )

    @model_validator(mode="after")
    def _mask(self) -> Self:
        if self.use_aparam_as_mask and self.numb_aparam != 1:
            raise ValueError(f"numb_aparam is {self.numb_aparam}; it should be 1, for use_aparam_as_mask")
        return self

    @property
    def seen_aparam(self) -> int:
        """None where it is a mask."""
        return 0 if self.use_aparam_as_mask else self.numb_aparam

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError unless there are as many energies, or none."""
        if len(self.atom_ener) not in (0, ntypes):
            raise ValueError(
                f"atom_ener has {len(self.atom_ener)} entries; it should have one for each of the {ntypes} types"
            )


class EnergyFitting(FittingNets):
    """E_i = net of the centre's type (D_i, frame parameters, atom parameters).

    Types whose energy as single atoms is given (`atom_ener`) have net(0, parameters) subtracted, so that it is that; if
    one net serves all types, it is subtracted for all of them.
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

    def of_type(self, kind: int, D: Tensor, beside: Tensor | None, compute: torch.dtype | None = None) -> Tensor:
        """Energies (n,) of atoms of one type, from descriptors (n, width) and what `parameters_of` gave for them.

        compute: as of `FittingNet`.
        """
        return self.outputs_of(kind, D, beside, compute).squeeze(1) - self.alone(kind, beside)

    def with_gradient(
        self, kind: int, D: Tensor, beside: Tensor | None, factor: Tensor, compute: torch.dtype | None = None
    ) -> tuple[Tensor, Tensor]:
        """The energies E of `of_type`, and the gradients of factor * E in D, (n, width), for factors (n,).

        Both are differentiable once, in D and in the weights.
        """
        x = D.to(self.dtype)
        net = self.net(kind)
        if has_passes(net):
            E, gradient = with_gradient(net, x if beside is None else torch.cat([x, beside], dim=1), factor, compute)
            return E - self.alone(kind, beside), gradient[:, : self.width].to(D.dtype)
        E = self.of_type(kind, D, beside, compute)
        (gradient,) = torch.autograd.grad(E, D, factor.to(E.dtype), create_graph=True)
        return E, gradient

    def alone(self, kind: int, beside: Tensor | None) -> Tensor | float:
        """What is subtracted where an atom's own energy is given: net(0, parameters), (n,) or (1,), and 0 elsewhere."""
        given = self.config.atom_ener
        if all(energy is None for energy in given) or (given[kind] is None and not self.shared):
            return 0.0
        zero = torch.zeros(
            1 if beside is None else len(beside), self.width, dtype=self.dtype, device=self.fparam_mean.device
        )
        return self.outputs_of(kind, zero, beside).squeeze(1)

    def forward(self, D: Tensor, types: Tensor, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Energies (natoms,), eV, of descriptors (natoms, width) and types (natoms,); parameters as `parameters_of`."""
        beside = self.parameters_of(len(D), fparam, aparam)
        energy = torch.zeros(len(D), dtype=self.dtype, device=D.device)
        for kind in types.unique().tolist():
            atoms = torch.nonzero(types == kind).squeeze(1)
            of_type = self.of_type(kind, D[atoms], None if beside is None else beside[atoms])
            energy = energy.index_put((atoms,), of_type)
        return energy
