"""Potentials: the energy of each atom, whose sum is that of the frame."""

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
    """E = sum_i (fitting(descriptor_i) + bias of i's type); with `use_srtab`, mixed with tabulated energies.

    table: the pair potential, up to rcut, with `use_srtab`. modifier: with the section of that name. What it adds is
    part of `deepaw.potential.engine`, not of the energies of atoms here.

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
        """Of lengths and energies."""
        return {"length": "A", "energy": "eV"}

    def description(self) -> dict[str, Any]:
        """As of every model; `modifier` is that of its model of dipoles."""
        found = super().description()
        return found if self.modifier is None else {**found, "modifier": self.modifier.dipole.description()}

    def with_bias(self, types: Tensor | int, energy: Tensor) -> Tensor:
        """Energies of atoms in float64, from what the fitting nets say of them; types: (natoms,), or that of all."""
        return (energy.double() + self.bias[types]) * self.contributes[types]

    def table_shift(self, types: Tensor) -> Tensor:
        """What energies of atoms from the table begin with (natoms,), eV: with `srtab_add_bias` that of their types."""
        return self.bias[types] * (self.contributes[types] if self.config.srtab_add_bias else 0)

    def interpolated(self, env: Environment, energy: Tensor) -> Tensor:
        """Energies of the first n atoms (n,) with the table, differentiable in env.vector, from those without.

        env: pairs within `rcut`. Raises InputError: a pair closer than the table begins.
        """
        if self.interpolation is None:
            return energy
        weight, of_table = (values[: len(energy)] for values in self.interpolation(self.visible(env)))
        types = env.types[: len(energy)]
        return (1 - weight) * energy + weight * (self.table_shift(types) + self.contributes[types] * of_table)

    def mixture(self, env: Environment, distances: Tensor | None = None) -> Mixture | None:
        """What the table adds, with derivatives in closed form; None where it adds nothing.

        env: the pairs that the model sees. distances: their lengths, where they are known. Errors as of `interpolated`.
        """
        found = None if self.interpolation is None else self.interpolation.mixture(env, distances)
        return None if found is None else found.of_types(self.contributes[env.types])

    def forward(self, env: Environment, fparam: Tensor | None = None, aparam: Tensor | None = None) -> Tensor:
        """Energies of atoms, (natoms,), eV, float64: the reference, every network run for every pair.

        env: pairs within `rcut`. fparam, aparam: as `FittingNets.parameters_of`. Errors as of `interpolated`.
        """
        energy = self.with_bias(env.types, self.fitting(self.descriptors(env), env.types, fparam, aparam))
        return self.interpolated(env, energy)
