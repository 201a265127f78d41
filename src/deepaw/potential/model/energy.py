"""Potentials: models of atomic energies, whose sum is the energy of the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig
from deepaw.potential.fitting.registry import make_fitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.shortrange.interpolation import PairInterpolation
from deepaw.potential.shortrange.mixture import Mixture
from deepaw.potential.shortrange.table import PairTable

if TYPE_CHECKING:
    from deepaw.potential.longrange.dipole_charge import DipoleCharge


class PotentialModel(AtomicModel):
    """E = sum_i (fitting(descriptor_i) + bias of i's type); with `use_srtab`, blended with tabulated energies.

    table: pair potential up to rcut, for `use_srtab`.
    modifier: charges of the section `modifier`. Their energy is added by `deepaw.potential.engine`; it is not part of
    the atomic energies here.

    Buffer bias: (ntypes,), eV, float64.
    """

    fitting: EnergyFitting
    interpolation: PairInterpolation | None
    bias: Tensor

    def __init__(
        self,
        config: ModelConfig,
        *,
        fixed_slots: bool = False,
        closest: float | None = None,
        provenance: dict[str, Any] | None = None,
        generator: torch.Generator | None = None,
        table: PairTable | None = None,
        modifier: DipoleCharge | None = None,
    ) -> None:
        super().__init__(config, fixed_slots=fixed_slots, closest=closest, provenance=provenance, generator=generator)
        self.register_buffer("bias", torch.zeros(len(config.type_map), dtype=torch.float64))
        self.interpolation = None
        if config.use_srtab is not None:
            assert table is not None and config.sw_rmin is not None and config.sw_rmax is not None
            self.interpolation = PairInterpolation(table, config.sw_rmin, config.sw_rmax, config.smin_alpha)
        assert (config.modifier is None) == (modifier is None)
        self.modifier = modifier

    def _make_fitting(self, generator: torch.Generator | None) -> EnergyFitting:
        section = self.config.fitting_net
        assert isinstance(section, EnergyFittingConfig)
        return make_fitting(
            section,
            len(self.type_map),
            self.descriptor.width,
            shared=self.descriptor.shares_nets,
            generator=generator,
        )

    @property
    def units(self) -> dict[str, str]:
        """Units of lengths and energies."""
        return {"length": "A", "energy": "eV"}

    def description(self) -> dict[str, Any]:
        """Return the description of `AtomicModel`, with that of the modifier's dipole model as `modifier`."""
        content = super().description()
        return content if self.modifier is None else {**content, "modifier": self.modifier.dipole.description()}

    def with_bias(self, types: Tensor | int, energy: Tensor) -> Tensor:
        """Return atomic energies in float64 from the outputs of the fitting nets: add the bias, mask excluded types.

        types: (natoms,), or one type for all atoms.
        """
        return (energy.double() + self.bias[types]) * self.contributes[types]

    def table_shift(self, types: Tensor) -> Tensor:
        """Return the constants c_i (natoms,), eV, added to tabulated energies: the bias with `srtab_add_bias`, else
        0."""
        return self.bias[types] * (self.contributes[types] if self.config.srtab_add_bias else 0)

    def blend_with_table(self, env: Environment, energy: Tensor) -> Tensor:
        """Blend network energies of the first n atoms (n,), eV, with tabulated ones; differentiable in env.vector.

        env: pairs within `rcut`. Raises InputError: a pair below the first distance of the table.
        """
        if self.interpolation is None:
            return energy
        weight, table_energy = (values[: len(energy)] for values in self.interpolation(self.visible(env)))
        types = env.types[: len(energy)]
        return (1 - weight) * energy + weight * (self.table_shift(types) + self.contributes[types] * table_energy)

    def mixture(self, env: Environment, distances: Tensor | None = None) -> Mixture | None:
        """Return the contribution of the table with derivatives in closed form, or None if there is none.

        env: pairs from `visible`. distances: their lengths (npairs,), A, if known. Errors as of `blend_with_table`.
        """
        mixture = None if self.interpolation is None else self.interpolation.mixture(env, distances)
        return None if mixture is None else mixture.masked(self.contributes[env.types])

    def forward(self, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Compute atomic energies (natoms,), eV, float64: the reference, with every network run for every pair.

        env: pairs within `rcut`. fparam, aparam: as for `FittingNets.parameters_of`. Errors as of `blend_with_table`.
        """
        energy = self.with_bias(env.types, self.fitting(self.descriptors(env), env.types, fparam, aparam))
        return self.blend_with_table(env, energy)
