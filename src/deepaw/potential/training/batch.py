"""Batches: joined frames, with the neighbours of their atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.data.system import Frame
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.celllist import find_neighbours
from deepaw.potential.neighbours.environment import Environment, join_environments
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.shortrange.mixture import Mixture


@dataclass(frozen=True)
class Batch:
    """Joined frames, their atoms sorted by type.

    atoms: index of each atom in the concatenated frames, (natoms,).
    frame, types: frame and type of each atom, (natoms,). natoms: atoms of each frame, (nframes,).
    counts: number of atoms of each type.
    tables: neighbours for each part of the descriptor, in the dtype of its kernel.
    mixture: contribution of a table of pair energies, or None.
    """

    atoms: Tensor
    frame: Tensor
    types: Tensor
    natoms: Tensor
    counts: tuple[int, ...]
    tables: tuple[NeighbourTable, ...]
    mixture: Mixture | None


def make_batch(
    model: AtomicModel,
    kernels: Sequence[TrainingKernel[Any]],
    frames: Sequence[Frame],
    device: torch.device | None = None,
) -> Batch:
    """Join frames and find the neighbours of their atoms.

    model: on the CPU. kernels: one for each part of its descriptor. device: of the batch, by default the CPU.
    """
    types = np.concatenate([frame.types for frame in frames])
    order = np.argsort(types, kind="stable")
    sizes = [len(frame.types) for frame in frames]
    frame_index = np.repeat(np.arange(len(frames)), sizes)[order]
    tables, mixture = _neighbours(model, kernels, frames, order, types[order], frame_index)
    device = torch.device("cpu") if device is None else device
    moved = {id(table): table.to(device) for table in tables} if device.type != "cpu" else {}
    return Batch(
        torch.from_numpy(order).to(device),
        torch.from_numpy(frame_index).to(device),
        torch.from_numpy(types[order]).to(device),
        torch.tensor(sizes, device=device),
        tuple(np.bincount(types, minlength=len(model.type_map)).tolist()),
        tuple(moved.get(id(table), table) for table in tables),
        None if mixture is None else mixture.to(device),
    )


def _neighbours(
    model: AtomicModel,
    kernels: Sequence[TrainingKernel[Any]],
    frames: Sequence[Frame],
    order: np.ndarray,
    types: np.ndarray,
    frame_index: np.ndarray,
) -> tuple[list[NeighbourTable], Mixture | None]:
    """Return the neighbours for each part, and the contribution of a table of pair energies.

    order: of the concatenated atoms. types, frame_index: type and frame of sorted atoms.
    """
    dtypes = [kernel.vector_dtype(part) for kernel, part in zip(kernels, model.descriptor.parts, strict=True)]
    has_table = isinstance(model, PotentialModel) and model.interpolation is not None
    env: Environment | None = None
    if not model.config.is_masked:
        coord = np.concatenate([frame.coord for frame in frames])[order]
        cells = [frame.cell for frame in frames]
        neighbours = find_neighbours(coord, types, len(model.type_map), model.rcut, cells, frame=frame_index)
        if model.keeps(neighbours.counts):
            by_dtype = {dtype: neighbours.table(model.rcut, dtype) for dtype in set(dtypes)}
            tables = [by_dtype[dtype] for dtype in dtypes]
            if not has_table:
                return tables, None
        table = neighbours.table(model.rcut)
        env = Environment(table.types, table.centre, table.neighbour.long(), table.vector.T)
        if not model.keeps(neighbours.counts):
            tables = _cast(model.visible_tables(env), dtypes)
    else:
        environments = [
            model.environment(frame.coord, frame.cell, frame.types, frame.labels.get("aparam")) for frame in frames
        ]
        env = join_environments(environments, order)
        tables = _cast(model.visible_tables(env), dtypes)
    return tables, model.table_mixture(model.visible_pairs(env)) if isinstance(model, PotentialModel) else None


def _cast(tables: Sequence[NeighbourTable], dtypes: Sequence[torch.dtype]) -> list[NeighbourTable]:
    """Convert tables to the dtype of each part; parts that share a table and a dtype share the result."""
    cast = {(id(table), dtype): table.cast(dtype) for table, dtype in zip(tables, dtypes, strict=True)}
    return [cast[id(table), dtype] for table, dtype in zip(tables, dtypes, strict=True)]
