"""A Deep Potential: which elements, which descriptor, which fitting net."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.inputfile import Section
from deepaw.modelfile import ModelFile, write_model
from deepaw.potential.descriptor.registry import DescriptorConfig, make_descriptor
from deepaw.potential.descriptor.se_a_mask import SeAMaskConfig
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.descriptor.type_embedding import TypeEmbeddingConfig
from deepaw.potential.fitting.base import FittingNets
from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig
from deepaw.potential.fitting.registry import FittingConfig, make_fitting
from deepaw.potential.longrange.config import DipoleChargeConfig
from deepaw.potential.neighbours.environment import Environment, nearest
from deepaw.potential.neighbours.pairs import find_environment, real_atoms
from deepaw.potential.shortrange.interpolation import PairInterpolation
from deepaw.potential.shortrange.mixture import Mixture
from deepaw.potential.shortrange.table import PairTable

if TYPE_CHECKING:
    from deepaw.potential.longrange.dipole_charge import DipoleCharge

KIND = "potential"
"""What native files call these models."""


class ModelConfig(Section):
    """What a potential is made of.

    type_map: the name of each type, usually its chemical symbol.
    pair_exclude_types: pairs of types that are no neighbours of each other; atom_exclude_types: types that contribute
    nothing of their own.
    """

    type_map: tuple[str, ...] = Field(min_length=1, description="the name of each type of atom, such as its element")
    descriptor: DescriptorConfig = SeE2AConfig()
    type_embedding: TypeEmbeddingConfig | None = Field(
        None, description="one embedding net for all types, which sees the types through this net of theirs"
    )
    fitting_net: FittingConfig = EnergyFittingConfig()
    pair_exclude_types: tuple[tuple[int, int], ...] = Field((), description="pairs of types that are no neighbours")
    atom_exclude_types: tuple[int, ...] = Field((), description="types whose atoms have nothing of what is predicted")
    use_srtab: str | None = Field(
        None, description="the file of a tabulated pair potential, which takes over where atoms are close"
    )
    smin_alpha: float = Field(0.1, gt=0, description="A: how soft the minimum of an atom's distances is")
    sw_rmin: float | None = Field(None, ge=0, description="A: with a soft minimum below, the table alone holds")
    sw_rmax: float | None = Field(None, gt=0, description="A: with a soft minimum above, the table does not matter")
    srtab_add_bias: bool = Field(True, description="whether energies of types are added to the table's, too")
    modifier: DipoleChargeConfig | None = Field(
        None, description="electrostatics that are added to what the networks say, and taken off the labels"
    )

    @property
    def is_masked(self) -> bool:
        """Whether aparam says which atoms are there."""
        return isinstance(self.fitting_net, EnergyFittingConfig) and self.fitting_net.use_aparam_as_mask

    @model_validator(mode="after")
    def _mask_is_of_clusters(self) -> Self:
        if self.is_masked and not isinstance(self.descriptor, SeAMaskConfig):
            raise ValueError("fitting_net.use_aparam_as_mask is given; it belongs to the descriptor se_a_mask")
        if isinstance(self.descriptor, SeAMaskConfig) and not self.is_masked:
            raise ValueError("se_a_mask needs a fitting_net of energies with numb_aparam 1 and use_aparam_as_mask true")
        for name in ("use_srtab", "type_embedding", "modifier"):
            if self.is_masked and getattr(self, name) is not None:
                raise ValueError(f"{name} is given; it is not supported with se_a_mask")
        return self

    @model_validator(mode="after")
    def _types_are_embedded(self) -> Self:
        if self.type_embedding is not None and not isinstance(self.descriptor, SeE2AConfig | AttentionConfig):
            raise ValueError("type_embedding is given; it belongs to the descriptors se_e2_a and se_atten")
        return self

    @model_validator(mode="after")
    def _what_is_added_is_whole(self) -> Self:
        if self.modifier is not None and not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"modifier is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        given = [name for name in ("sw_rmin", "sw_rmax") if getattr(self, name) is not None]
        if self.use_srtab is None:
            if given:
                raise ValueError(f"{given[0]} is given without use_srtab, the table that it is about")
            return self
        if len(given) < 2 or self.sw_rmin is None or self.sw_rmax is None:
            raise ValueError("use_srtab needs sw_rmin and sw_rmax, between which the table fades")
        if self.sw_rmin >= self.sw_rmax:
            raise ValueError(f"sw_rmin is {self.sw_rmin:g} and sw_rmax {self.sw_rmax:g}; sw_rmin should be less")
        if not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"use_srtab is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        return self


class AtomicModel(nn.Module, ABC):
    """A descriptor and fitting nets, which predict something of atoms that is summed over them.

    fixed_slots: models converted from DeePMD-kit keep its rule for more neighbours than `sel`
    (`PairwiseDescriptor`). provenance: JSON-serialisable facts about where the model comes from.
    closest: A, the shortest distance of the data it was trained on, or None.

    Buffers that follow from the section: neighbours (ntypes, ntypes) bool, which types see each other. contributes
    (ntypes,), 1 for types whose atoms have what is predicted, 0 for others.
    """

    fitting: FittingNets
    neighbours: Tensor
    contributes: Tensor

    def __init__(
        self,
        config: ModelConfig,
        *,
        fixed_slots: bool = False,
        closest: float | None = None,
        provenance: dict[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        ntypes = len(config.type_map)
        self.config = config
        self.type_map = config.type_map
        self.fixed_slots = fixed_slots
        self.closest = closest
        self.provenance = dict(provenance or {})
        self.descriptor = make_descriptor(
            config.descriptor,
            ntypes,
            type_map=config.type_map,
            types=config.type_embedding,
            fixed_slots=fixed_slots,
            generator=generator,
        )
        self.fitting = self._make_fitting(generator)
        neighbours = torch.ones(ntypes, ntypes, dtype=torch.bool)
        for first, second in config.pair_exclude_types:
            neighbours[first, second] = neighbours[second, first] = False
        contributes = torch.ones(ntypes, dtype=torch.float64)
        contributes[list(config.atom_exclude_types)] = 0
        self.register_buffer("neighbours", neighbours, persistent=False)
        self.register_buffer("contributes", contributes, persistent=False)

    @abstractmethod
    def _make_fitting(self, generator: torch.Generator | None) -> FittingNets:
        """Those that the section asks for, for `self.descriptor`."""

    @property
    @abstractmethod
    def units(self) -> dict[str, str]:
        """Of lengths and of what is predicted."""

    @property
    def rcut(self) -> float:
        """A."""
        return self.descriptor.rcut

    @property
    def selected(self) -> list[int]:
        """Types whose atoms have what is predicted."""
        found: list[int] = torch.nonzero(self.contributes).flatten().tolist()
        return found

    def environment(
        self, coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, aparam: np.ndarray | None = None
    ) -> Environment:
        """The pairs of one frame that the model sees.

        coord: (natoms, 3), A. cell: (3, 3), A, or None. types: (natoms,). aparam: (natoms, numb_aparam), which matters
        where it is a mask; then virtual atoms have no neighbours, and there is no cell. Raises InputError: as
        `real_atoms`.
        """
        if not self.config.is_masked:
            return self.visible(find_environment(coord, cell, types, self.rcut))
        assert aparam is not None
        real = real_atoms(aparam)
        env = find_environment(coord[real], None, types[real], self.rcut)
        return self.visible(env.among(torch.from_numpy(real), torch.from_numpy(np.asarray(types, dtype=np.int64))))

    def visible(self, env: Environment) -> Environment:
        """Without the pairs that the model has no eyes for, from those within `rcut`."""
        if self.fixed_slots:
            # before pairs of excluded types go: to DeePMD-kit they are neighbours like any other up to here
            env = nearest(env, sum(self.descriptor.sel))
        if self.config.pair_exclude_types:
            env = env.select(self.neighbours[env.types[env.centre], env.types[env.neighbour]])
        return env

    def descriptors(self, env: Environment) -> Tensor:
        """(natoms, width), from pairs within `rcut`."""
        result: Tensor = self.descriptor(self.visible(env))
        return result

    def description(self) -> dict[str, Any]:
        """All but the tensors, JSON-serialisable: the metadata of a native file."""
        return {
            "model": self.config.model_dump(mode="json"),
            "fixed_slots": self.fixed_slots,
            "closest": self.closest,
            "units": self.units,
            "provenance": self.provenance,
        }

    def save(self, path: str | Path) -> None:
        """Write a native file (`deepaw.modelfile`); raises InputError where that cannot be written."""
        write_model(path, ModelFile(KIND, self.description(), dict(self.state_dict())))


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


def types_of(symbols: Sequence[str], type_map: Sequence[str]) -> list[int]:
    """Indices into a type map; raises InputError naming the first symbol that is not in it."""
    number = {name: index for index, name in enumerate(type_map)}
    for position, symbol in enumerate(symbols):
        if symbol not in number:
            raise InputError(f"atom {position + 1} is {symbol}; the model knows {', '.join(type_map)}.")
    return [number[symbol] for symbol in symbols]
