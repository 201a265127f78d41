"""Base class of models of energies and of tensors: descriptor, fitting nets, excluded types and pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
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
"""Kind of model in native files."""


class AtomicModel(nn.Module, ABC):
    """Descriptor and fitting nets that predict an atomic quantity, summed over the atoms of a frame.

    fixed_slots: keep DeePMD-kit's rule for more neighbours than `sel` (`PairwiseDescriptor`); true for converted
    models.
    closest: shortest distance between atoms in the training data, A, or None.
    provenance: origin of the model, JSON-serialisable.

    Buffers derived from the configuration:
    neighbours: (ntypes, ntypes) bool, false for pairs of types excluded by `pair_exclude_types`.
    type_mask: (ntypes,), 1 for types whose atoms have the predicted quantity, 0 for others.
    """

    fitting: FittingNets
    neighbours: Tensor
    type_mask: Tensor

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
        type_mask = torch.ones(ntypes, dtype=torch.float64)
        type_mask[sorted(self._excluded_types())] = 0
        self.register_buffer("neighbours", neighbours, persistent=False)
        self.register_buffer("type_mask", type_mask, persistent=False)

    @abstractmethod
    def _make_fitting(self, generator: torch.Generator | None) -> FittingNets:
        """Return the configured fitting nets, for `self.descriptor`."""

    def _excluded_types(self) -> set[int]:
        """Return the types whose atoms do not have the predicted quantity."""
        return set(self.config.atom_exclude_types)

    @property
    @abstractmethod
    def units(self) -> dict[str, str]:
        """Units of lengths and of the predicted quantity."""

    @property
    def rcut(self) -> float:
        """Cutoff radius, A."""
        return self.descriptor.rcut

    @property
    def selected_types(self) -> list[int]:
        """Types whose atoms have the predicted quantity."""
        types: list[int] = torch.nonzero(self.type_mask).flatten().tolist()
        return types

    def environment(
        self, coord: np.ndarray, cell: np.ndarray | None, types: np.ndarray, aparam: np.ndarray | None = None
    ) -> Environment:
        """Return the neighbour list of one frame, without the pairs that the model excludes.

        coord: (natoms, 3), A. cell: (3, 3), A, or None. types: (natoms,).
        aparam: (natoms, numb_aparam), used only as a mask (`use_aparam_as_mask`); then virtual atoms have no
        neighbours, and the cell is ignored.

        Raises InputError: as `real_atoms`.
        """
        if not self.config.is_masked:
            return self.visible_pairs(find_environment(coord, cell, types, self.rcut))
        assert aparam is not None
        real = real_atoms(aparam)
        env = find_environment(coord[real], None, types[real], self.rcut)
        all_types = torch.from_numpy(np.asarray(types, dtype=np.int64))
        return self.visible_pairs(env.among(torch.from_numpy(real), all_types))

    def visible_pairs(self, env: Environment) -> Environment:
        """Return the pairs that the model takes into account, from all pairs within `rcut`."""
        if self.fixed_slots:
            # before the removal of excluded pairs: in DeePMD-kit they occupy places of sel
            env = nearest(env, sum(self.descriptor.sel))
        if self.config.pair_exclude_types:
            env = env.select(self.neighbours[env.types[env.centre], env.types[env.neighbour]])
        return env

    def keeps(self, counts: Tensor) -> bool:
        """Whether all parts see all pairs of atoms with these numbers of neighbours by type, (natoms, ntypes)."""
        if self.config.pair_exclude_types:
            return False
        if self.fixed_slots and bool((counts.sum(1) > sum(self.descriptor.sel)).any()):
            return False
        return all(part.keeps_all(counts) for part in self.descriptor.parts)

    def visible_tables(self, env: Environment) -> list[NeighbourTable]:
        """Return the neighbours that each part of the descriptor sees; env: pairs within `rcut`, atoms sorted by type.

        Parts with equal neighbours share a table.
        """
        visible = self.visible_pairs(env)
        ntypes, selected = len(self.type_map), [part.select_neighbours(visible) for part in self.descriptor.parts]
        tables = {id(part_env): table_of(part_env, ntypes) for part_env in selected}
        return [tables[id(part_env)] for part_env in selected]

    def descriptors(self, env: Environment) -> Tensor:
        """Compute descriptors (natoms, width); env: pairs within `rcut`."""
        result: Tensor = self.descriptor(self.visible_pairs(env))
        return result

    def description(self) -> dict[str, Any]:
        """Return everything but the tensors, JSON-serialisable: the metadata of a native file."""
        return {
            "model": self.config.model_dump(mode="json"),
            "fixed_slots": self.fixed_slots,
            "closest": self.closest,
            "units": self.units,
            "provenance": self.provenance,
        }

    def save(
        self, path: str | Path, metadata: Mapping[str, Any] | None = None, tensors: Mapping[str, Tensor] | None = None
    ) -> None:
        """Write a native file (`deepaw.modelfile`); raises InputError if it cannot be written.

        metadata, tensors: additional entries of the file, such as the prepared form.
        """
        description = {**self.description(), **(metadata or {})}
        write_model(path, ModelFile(KIND, description, {**self.state_dict(), **(tensors or {})}))
