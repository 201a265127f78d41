"""Frames ready for training, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.descriptor.form import Form, Geometry
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.shortrange.mixture import Mixture, join_mixtures


@dataclass(frozen=True)
class FrameGeometry:
    """What of one frame depends on positions alone; its atoms are sorted by type.

    order: (natoms,), where each atom was before. counts: atoms of each type. parts: one for each of the descriptor's.
    mixture: with a table of pair energies, if it matters.
    """

    order: Tensor
    counts: tuple[int, ...]
    parts: tuple[Geometry, ...]
    mixture: Mixture | None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return sum(part.nbytes for part in self.parts) + (0 if self.mixture is None else self.mixture.nbytes)

    def to(self, device: torch.device) -> FrameGeometry:
        """The same on a device."""
        parts = tuple(part.to(device) for part in self.parts)
        mixture = None if self.mixture is None else self.mixture.to(device)
        return FrameGeometry(self.order.to(device), self.counts, parts, mixture)


@dataclass(frozen=True)
class Batch:
    """Frames put together, their atoms sorted by type.

    atoms: (natoms,), where each atom is among those of the frames one after the other. frame, types: (natoms,), its
    frame and type. natoms: (nframes,). counts: atoms of each type. parts, mixture: as in `FrameGeometry`.
    """

    atoms: Tensor
    frame: Tensor
    types: Tensor
    natoms: Tensor
    counts: tuple[int, ...]
    parts: tuple[Geometry, ...]
    mixture: Mixture | None


def frame_geometry(
    model: AtomicModel,
    forms: Sequence[Form],
    types: np.ndarray,
    coord: np.ndarray,
    cell: np.ndarray | None,
    aparam: np.ndarray | None = None,
) -> FrameGeometry:
    """What follows from the positions of one frame.

    forms: of each part of the descriptor.
    types: (natoms,). coord: (natoms, 3), A. cell: (3, 3), A, or None. aparam: (natoms, numb_aparam), or None.
    """
    order = np.argsort(types, kind="stable")
    env = model.environment(coord[order], cell, types[order], None if aparam is None else aparam[order])
    parts = tuple(form.prepare(part, env) for part, form in zip(model.descriptor.parts, forms, strict=True))
    counts = tuple(np.bincount(types, minlength=len(model.type_map)).tolist())
    mixture = model.mixture(env) if isinstance(model, PotentialModel) else None
    return FrameGeometry(torch.from_numpy(order), counts, parts, mixture)


def make_batch(frames: Sequence[FrameGeometry]) -> Batch:
    """Put frames together, in that order; of one frame nothing is copied."""
    device = frames[0].order.device
    sizes = [sum(frame.counts) for frame in frames]
    first = [sum(sizes[:number]) for number in range(len(sizes))]
    pieces, places = [], [torch.empty(size, dtype=torch.int64, device=device) for size in sizes]
    atoms, of_frame, counts, total = [], [], [], 0
    for kind in range(len(frames[0].counts)):
        before = total
        for number, frame in enumerate(frames):
            start, count = sum(frame.counts[:kind]), frame.counts[kind]
            rows = slice(start, start + count)
            pieces.append((number, rows))
            places[number][rows] = torch.arange(total, total + count, device=device)
            atoms.append(frame.order[rows] + first[number])
            of_frame.append(torch.full((count,), number, device=device))
            total += count
        counts.append(total - before)
    if len(frames) == 1:
        parts = frames[0].parts
    else:
        of_parts = zip(*(frame.parts for frame in frames), strict=True)
        parts = tuple(type(part[0]).join(part, pieces, places) for part in of_parts)
    natoms = torch.tensor(sizes, device=device)
    mixture = join_mixtures([frame.mixture for frame in frames], places)
    types = torch.arange(len(counts), device=device).repeat_interleave(torch.tensor(counts, device=device))
    return Batch(torch.cat(atoms), torch.cat(of_frame), types, natoms, tuple(counts), parts, mixture)
