"""Frames as the steps of a training need them: what follows from their positions, and their labels.

Both are computed at first use and kept while they fit a budget of memory. What does not fit is computed anew at every
use; as passes through the data come back to all frames alike, which ones are kept makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.data.system import System
from deepaw.potential.descriptor.form import Form
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.training.batch import Batch, FrameGeometry, frame_geometry, make_batch
from deepaw.potential.training.labels import LABELS, Labels
from deepaw.potential.training.shares import alone

BUDGET = 2 * 2**30
"""Bytes of prepared frames, for training and validation together, that each process keeps."""


class Memory:
    """A budget in bytes that several users take from."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._left = budget
        self.is_exhausted = False
        """Whether something did not fit any more."""

    def take(self, nbytes: int) -> bool:
        """Whether there is room for so much; if there is, it is taken."""
        if nbytes > self._left:
            self.is_exhausted = True
            return False
        self._left -= nbytes
        return True


@dataclass(frozen=True)
class PreparedFrame:
    """One frame; labels float64, by their names in `LABELS`, those of atoms in the order of the data.

    selected: (natoms,), 1 for atoms that have what the model predicts. fparam: (numb_fparam,), aparam: (natoms,
    numb_aparam), or None where the model has none or, of fparam, its default holds.
    """

    geometry: FrameGeometry
    labels: dict[str, Tensor]
    selected: Tensor
    fparam: Tensor | None
    aparam: Tensor | None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.geometry.nbytes + sum(label.nbytes for label in self.labels.values())


@dataclass(frozen=True)
class PreparedBatch:
    """Frames put together. back: (natoms,), where the atoms of the frames one after the other are in `batch`.

    fparam, aparam: (natoms, ...) in the order of `batch`, or None.
    """

    batch: Batch
    back: Tensor
    labels: Labels
    fparam: Tensor | None
    aparam: Tensor | None


class PreparedFrames:
    """The frames of some systems.

    Args:
        model: on the CPU, with its statistics, for the geometry alone.
        forms: of each part of its descriptor.
        systems: whose frames these are, with the model's type map.
        names: of the labels that are needed, as in `LABELS`.
        device: where to have them.
        memory: for frames to keep.
    """

    def __init__(
        self,
        model: AtomicModel,
        forms: Sequence[Form],
        systems: Sequence[System],
        names: Sequence[str],
        device: torch.device,
        memory: Memory,
    ) -> None:
        self._model, self._forms, self._systems, self._names = model, forms, systems, names
        self._device = device
        self._memory = memory
        self._kept: dict[tuple[int, int], PreparedFrame] = {}
        self._alone: dict[tuple[int, int], PreparedBatch] = {}

    @property
    def kept(self) -> int:
        """Frames that need not be computed again."""
        return len(self._kept)

    def frame(self, system: int, index: int) -> PreparedFrame:
        """The frame `index` of the system `system`, both from 0."""
        known = self._kept.get((system, index))
        if known is None:
            with alone():  # many small operations, which other threads would only wait for
                known = self._prepare(system, index)
            if self._memory.take(known.nbytes):
                self._kept[system, index] = known
        return known

    def batch(self, frames: Sequence[tuple[int, int]]) -> PreparedBatch:
        """(system, frame) each, at least one, put together."""
        if len(frames) > 1:
            return self._together(frames)
        (frame,) = frames
        known = self._alone.get(frame)
        if known is None:
            known = self._together(frames)
            if frame in self._kept:
                self._alone[frame] = known
        return known

    def _together(self, frames: Sequence[tuple[int, int]]) -> PreparedBatch:
        prepared = [self.frame(*frame) for frame in frames]
        batch = make_batch([frame.geometry for frame in prepared])
        back = torch.empty_like(batch.atoms)
        back[batch.atoms] = torch.arange(len(back), device=back.device)
        fparam = aparam = None
        if prepared[0].fparam is not None:
            fparam = torch.stack([_present(frame.fparam) for frame in prepared])[batch.frame]
        if prepared[0].aparam is not None:
            aparam = torch.cat([_present(frame.aparam) for frame in prepared])[batch.atoms]
        return PreparedBatch(batch, back, self._labels(prepared), fparam, aparam)

    def name(self, system: int, index: int) -> str:
        """How messages call a frame: 'water/data_0, frame 3', from 1."""
        return f"{self._systems[system].name}, frame {index + 1}"

    def _prepare(self, system: int, index: int) -> PreparedFrame:
        frame = self._systems[system].frame(index)
        config = self._model.fitting.config
        aparam = frame.labels["aparam"] if config.numb_aparam else None
        geometry = frame_geometry(self._model, self._forms, frame.types, frame.coord, frame.cell, aparam)
        data = {name: LABELS[name].data for name in self._names}
        labels = {name: frame.labels[given] for name, given in data.items() if given in frame.labels}
        selected = self._model.contributes[torch.from_numpy(frame.types)]
        fparam = frame.labels.get("fparam", config.default_fparam) if config.numb_fparam else None
        return PreparedFrame(
            geometry.to(self._device),
            {name: self._tensor(label) for name, label in labels.items()},
            selected.to(self._device),
            None if fparam is None else self._tensor(fparam),
            None if aparam is None else self._tensor(aparam),
        )

    def _labels(self, frames: Sequence[PreparedFrame]) -> Labels:
        content = {"selected": torch.cat([frame.selected for frame in frames])}
        for name in self._names:
            given = [name in frame.labels for frame in frames]
            if not any(given):
                continue
            kind = LABELS[name]
            rows = []
            for frame in frames:
                missing = (sum(frame.geometry.counts), *kind.shape) if kind.of_atoms else kind.shape
                label = frame.labels.get(name)
                rows.append(torch.zeros(missing, dtype=torch.float64, device=self._device) if label is None else label)
            content[kind.field] = torch.cat(rows) if kind.of_atoms else torch.stack(rows)
            if not all(given):
                content[f"{kind.field}_given"] = torch.tensor(given, device=self._device)
        return Labels(**content)

    def _tensor(self, values: np.ndarray | Sequence[float]) -> Tensor:
        return torch.tensor(np.asarray(values, dtype=np.float64), device=self._device)


def _present(tensor: Tensor | None) -> Tensor:
    assert tensor is not None  # of all frames or of none
    return tensor
