"""What descriptors with embedding nets and `sel` by type have in common: keys, slots, the scale of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.base import Descriptor, DescriptorSection
from deepaw.potential.descriptor.sel import SelByType, check_excluded, check_sel, counted
from deepaw.potential.descriptor.statistics import RowStatistics
from deepaw.potential.neighbours.environment import Environment, nearest_by_type
from deepaw.potential.neighbours.switch import switch
from deepaw.potential.network.activation import SMOOTH, ActivationName
from deepaw.potential.precision import Precision


class EmbeddingConfig(DescriptorSection):
    """Keys of descriptors made of embedding nets.

    rcut_smth, rcut: A, where the switch function starts to fall and where it is 0.
    """

    rcut: float = Field(6.0, gt=0, description="cutoff radius, A")
    rcut_smth: float = Field(0.5, ge=0, description="where the switch function starts to fall, A")
    sel: SelByType = Field(
        "auto",
        description="neighbours of each type that the normalisation counts with; auto, or auto:FACTOR times the most "
        "that the data has, rounded up to a multiple of 4",
    )
    neuron: tuple[int, ...] = Field((10, 20, 40), min_length=1, description="widths of the embedding net's layers")
    resnet_dt: bool = Field(False, description="a timestep in residual layers")
    activation_function: ActivationName = Field("tanh", description="of the embedding net")
    precision: Precision = Field("default", description="of the embedding net; default is float64")
    exclude_types: tuple[tuple[int, int], ...] = Field((), description="pairs of types that do not see each other")
    seed: int | None = Field(None, description="of the initial weights; by default that of the training")
    trainable: bool = Field(True, description="whether training changes it")
    set_davg_zero: bool = Field(False, description="rows are not shifted by their mean before they are scaled")
    env_protection: float = Field(0.0, ge=0, description="added to r where it divides, A")

    @field_validator("neuron")
    @classmethod
    def _widths(cls, neuron: tuple[int, ...]) -> tuple[int, ...]:
        if min(neuron) < 1:
            raise ValueError(f"{list(neuron)} should be widths of layers, 1 or more")
        return neuron

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.rcut_smth >= self.rcut:
            raise ValueError(f"rcut_smth is {self.rcut_smth:g}; it should be below rcut, {self.rcut:g}")
        return self

    def with_counts(self, found: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """With numbers for `sel`."""
        return self.model_copy(update={"sel": counted(self.sel, self.rcut, found, type_map, fixed_slots)})

    def check_types(self, ntypes: int) -> None:
        """`sel` and `exclude_types`."""
        check_sel(self.sel, ntypes)
        check_excluded([number for pair in self.exclude_types for number in pair], ntypes)


class SlottedDescriptor(Descriptor):
    """Slots and normalisation.

    DeePMD-kit sums over sum(sel) slots, and an empty one counts like a neighbour at the cutoff: its raw row is 0, its
    normalised row may not be. Here the sum goes over the neighbours there are, plus (sel_t - n_t) empty slots of each
    type t: for n_t <= sel_t the same, and for n_t > sel_t without a cliff.

    fixed_slots: DeePMD-kit's rule instead: of more than sel_t neighbours the farthest are dropped, and an excluded
    neighbour still takes a slot. Models that were trained with it keep it. (What it drops first is
    `PotentialModel`'s: of more than sum(sel) neighbours of all types, the farthest.)

    Buffers davg, dstd: (ntypes, components), the mean and spread of raw rows by centre type.
    """

    components: int
    """Entries of a row that have a scale: 4, or 1 for radial descriptors."""

    davg: Tensor
    dstd: Tensor
    excluded: Tensor
    slots: Tensor

    def __init__(self, config: EmbeddingConfig, ntypes: int, *, fixed_slots: bool = False) -> None:
        super().__init__()
        sel = self.slots_of(config, ntypes)
        bad = [pair for pair in config.exclude_types if not all(0 <= kind < ntypes for kind in pair)]
        if bad:
            raise InputError(f"exclude_types has {list(bad[0])}; types are numbered from 0 to {ntypes - 1}")
        self.config = config
        self.ntypes = ntypes
        self.fixed_slots = fixed_slots
        self.rcut = config.rcut
        self.sel = sel
        self.register_buffer("davg", torch.zeros(ntypes, self.components, dtype=torch.float64))
        self.register_buffer("dstd", torch.ones(ntypes, self.components, dtype=torch.float64))
        excluded = torch.zeros(ntypes, ntypes, dtype=torch.bool)
        for first, second in config.exclude_types:
            excluded[first, second] = excluded[second, first] = True
        self.register_buffer("excluded", excluded, persistent=False)
        self.register_buffer("slots", torch.tensor(sel), persistent=False)

    @staticmethod
    def slots_of(config: EmbeddingConfig, ntypes: int) -> tuple[int, ...]:
        """Slots of each type, or one number for all; raises InputError where `sel` does not say."""
        if isinstance(config.sel, str):
            raise InputError(f"sel is {config.sel!r}; it should be counted on the data before a model is made")
        if len(config.sel) != ntypes:
            raise InputError(
                f"sel is {list(config.sel)}; it should have one entry for each of the {ntypes} types of type_map"
            )
        return config.sel

    @property
    def nnei(self) -> int:
        """All slots."""
        return sum(self.sel)

    @property
    def slots_by_type(self) -> tuple[int, ...]:
        """Slots that belong to each type."""
        return self.sel

    @property
    def is_spectral(self) -> bool:
        """Whether its nets are smooth."""
        return self.config.activation_function.lower() in SMOOTH

    def chosen(self, env: Environment) -> Environment:
        """The nearest sel_t neighbours of each type t, with `fixed_slots`."""
        return nearest_by_type(env, self.slots) if self.fixed_slots else env

    def keeps(self, counts: Tensor) -> bool:
        """Whether no atom has more than sel_t neighbours of type t, or these count as well."""
        return not self.fixed_slots or bool((counts <= self.slots).all())

    def slotted(self, env: Environment) -> tuple[Environment, Tensor, Tensor]:
        """The pairs that are embedded, with what stands in for the others.

        Returns the pairs, the number of empty slots (natoms, ntypes), and that of excluded neighbours which take a
        slot (natoms, ntypes).
        """
        env = self.chosen(env)
        excluded = self.excluded[env.types[env.centre], env.types[env.neighbour]]
        within = torch.linalg.vector_norm(env.vector.detach(), dim=-1) < self.rcut
        kept = env.select(within & ~excluded)
        empty = self.slots - kept.counts(self.ntypes)
        hidden = torch.zeros_like(empty)
        if self.fixed_slots:
            # those that only another part of a hybrid looks as far as, too
            hidden = env.select(excluded).counts(self.ntypes)
        return kept, empty - hidden, hidden

    def largest(self, closest: float) -> float:
        """The largest s of neighbours that come no nearer than `closest`, A; 1/A."""
        r = torch.tensor(closest, dtype=torch.float64)
        s = switch(r, self.config.rcut_smth, self.config.rcut) / (r + self.config.env_protection)
        return float(s)

    def statistics(self) -> RowStatistics:
        """Mean and spread of raw rows."""
        return RowStatistics(self)

    def with_statistics(self, davg: Tensor, dstd: Tensor) -> None:
        """Set the mean and spread of raw rows, (ntypes, components) each."""
        self.davg.copy_(davg)
        self.dstd.copy_(dstd)
