"""Charges on atoms and on Wannier centroids (DPLR): Zhang et al., J. Chem. Phys. 156, 124107 (2022)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.potential.fitting.dipole import DipoleFittingConfig
from deepaw.potential.longrange.config import DipoleChargeConfig
from deepaw.potential.model.tensor import TensorModel


class DipoleCharge(nn.Module):
    """Charges of a potential: one on each atom, and one on the Wannier centroid r_i + mu_i of types with dipoles.

    dipole: model of the dipoles mu_i, A, with frozen weights and the type map of the potential.

    Buffers:
    atom_charge: (ntypes,), e.
    centroid_charge: (ntypes,), e, 0 for types without centroids.

    Raises InputError: a model that does not predict dipoles, has other types or takes parameters; a wrong number of
    charges.
    """

    atom_charge: Tensor
    centroid_charge: Tensor

    def __init__(self, config: DipoleChargeConfig, dipole: TensorModel, type_map: tuple[str, ...]) -> None:
        super().__init__()
        section: Any = dipole.config.fitting_net
        name = config.model_name
        if not isinstance(section, DipoleFittingConfig):
            raise InputError(f"{name} is a model of type {section.type}; modifier.model_name needs one of dipoles.")
        if dipole.type_map != type_map:
            raise InputError(
                f"{name} has the types {', '.join(dipole.type_map)}; modifier.model_name needs one with those of the "
                f"potential, {', '.join(type_map)}."
            )
        if section.numb_fparam or section.numb_aparam:
            raise InputError(f"{name} takes fparam or aparam, which a model of modifier.model_name cannot have.")
        selected = section.sel_type if section.sel_type is not None else dipole.selected
        for key, count in (("model_charge_map", len(selected)), ("sys_charge_map", len(type_map))):
            if len(charges := getattr(config, key)) != count:
                owner = "type that has dipoles" if key == "model_charge_map" else "type of type_map"
                raise InputError(
                    f"modifier.{key} has {len(charges)} entries; it should have {count}, one for each {owner}."
                )
        self.config = config
        self.dipole = dipole.double().requires_grad_(False).eval()
        centroid_charge = torch.zeros(len(type_map), dtype=torch.float64)
        centroid_charge[list(selected)] = torch.tensor(config.model_charge_map, dtype=torch.float64)
        atom_charge = torch.tensor(config.sys_charge_map, dtype=torch.float64)
        self.register_buffer("atom_charge", atom_charge, persistent=False)
        self.register_buffer("centroid_charge", centroid_charge * dipole.contributes, persistent=False)

    def centroid_atoms(self, types: Tensor) -> Tensor:
        """Return the indices (n,) of the atoms that have a centroid; types: (natoms,)."""
        return torch.nonzero(self.dipole.contributes[types]).squeeze(1)

    def sites(self, coord: Tensor, types: Tensor, dipoles: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (natoms + n, 3), A, and the charges (natoms + n,), e, of atoms and then centroids.

        coord, dipoles: (natoms, 3), A. types: (natoms,).
        """
        atoms = self.centroid_atoms(types)
        positions = torch.cat([coord, coord[atoms] + dipoles[atoms]])
        return positions, torch.cat([self.atom_charge[types], self.centroid_charge[types[atoms]]])
