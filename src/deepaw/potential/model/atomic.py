"""What models of atoms have in common, whatever they predict: a descriptor, fitting nets, which atoms see which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepaw.modelfile import ModelFile, write_model
from deepaw.potential.descriptor.registry import make_descriptor
from deepaw.potential.fitting.base import FittingNets
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.neighbours.environment import Environment, nearest
from deepaw.potential.neighbours.pairs import find_environment, real_atoms
from deepaw.potential.neighbours.table import NeighbourTable, table_of

KIND = "potential"
"""What native files call these models."""


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
        contributes[sorted(self._silent())] = 0
        self.register_buffer("neighbours", neighbours, persistent=False)
        self.register_buffer("contributes", contributes, persistent=False)

    @abstractmethod
    def _make_fitting(self, generator: torch.Generator | None) -> FittingNets:
        """Those that the section asks for, for `self.descriptor`."""

    def _silent(self) -> set[int]:
        """Types whose atoms have nothing of what is predicted."""
        return set(self.config.atom_exclude_types)

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

    def keeps(self, counts: Tensor) -> bool:
        """Whether all pairs of atoms with so many neighbours of each type, (natoms, ntypes), are visible to all parts."""
        if self.config.pair_exclude_types:
            return False
        if self.fixed_slots and bool((counts.sum(1) > sum(self.descriptor.sel)).any()):
            return False
        return all(part.keeps(counts) for part in self.descriptor.parts)

    def visible_tables(self, env: Environment) -> list[NeighbourTable]:
        """Return the neighbours that each part of the descriptor sees, from pairs within `rcut` of atoms sorted by type.

        Parts that see the same have the same table.
        """
        visible = self.visible(env)
        ntypes, chosen = len(self.type_map), [part.chosen(visible) for part in self.descriptor.parts]
        tables = {id(each): table_of(each, ntypes) for each in chosen}
        return [tables[id(each)] for each in chosen]

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
