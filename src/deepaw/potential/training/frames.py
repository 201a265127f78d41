"""Labelled batches with neighbours, for training steps.

Nothing is cached between steps: the cost of a frame does not depend on earlier batches, and memory does not grow with
the number of frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepaw.potential.data.system import Frame, System
from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.threads import one_thread
from deepaw.potential.training.batch import Batch, make_batch
from deepaw.potential.training.labels import LABELS, Labels


@dataclass(frozen=True)
class LabelledBatch:
    """Batch of joined frames with their labels.

    original_order: index in `batch` of each atom of the concatenated frames, (natoms,).
    labels: float64; atomic labels in the order of the frames.
    fparam, aparam: (natoms, ...) in the order of `batch`, or None.
    """

    batch: Batch
    original_order: Tensor
    labels: Labels
    fparam: Tensor | None
    aparam: Tensor | None


class TrainingFrames:
    """Makes labelled batches from frames of systems.

    Args:
        model: on the CPU, with its statistics; determines the neighbours.
        kernels: one for each part of its descriptor.
        systems: with the model's type map.
        names: required labels, keys of `LABELS`.
        device: of the batches.
    """

    def __init__(
        self,
        model: AtomicModel,
        kernels: Sequence[TrainingKernel[Any]],
        systems: Sequence[System],
        names: Sequence[str],
        device: torch.device,
    ) -> None:
        self._model, self._kernels, self._systems, self._names = model, kernels, systems, names
        self._device = device

    def batch(self, indices: Sequence[tuple[int, int]]) -> LabelledBatch:
        """Make a batch; indices: (system, frame) of each frame, from 0, at least one."""
        frames = [self._systems[system].frame(index) for system, index in indices]
        with one_thread():  # many small operations do not profit from threads
            batch = make_batch(self._model, self._kernels, frames, self._device)
            original_order = torch.empty_like(batch.atoms)
            original_order[batch.atoms] = torch.arange(len(original_order), device=original_order.device)
            return LabelledBatch(batch, original_order, self._labels(frames), *self._parameters(frames, batch))

    def name(self, system: int, index: int) -> str:
        """Return the name of a frame in messages: 'water/data_0, frame 3', from 1."""
        return f"{self._systems[system].name}, frame {index + 1}"

    def _parameters(self, frames: Sequence[Frame], batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Return fparam and aparam of each atom in the order of the batch, or None where the model has none."""
        config = self._model.fitting.config
        fparam = aparam = None
        if config.numb_fparam:
            rows = [frame.labels.get("fparam", config.default_fparam) for frame in frames]
            if rows[0] is not None:
                fparam = self._tensor(np.stack([np.asarray(row, dtype=np.float64) for row in rows]))[batch.frame]
        if config.numb_aparam:
            aparam = self._tensor(np.concatenate([frame.labels["aparam"] for frame in frames]))[batch.atoms]
        return fparam, aparam

    def _labels(self, frames: Sequence[Frame]) -> Labels:
        type_mask = self._model.type_mask.numpy()
        content = {"selected": self._tensor(np.concatenate([type_mask[frame.types] for frame in frames]))}
        for name in self._names:
            kind = LABELS[name]
            labels = [frame.labels.get(kind.data) for frame in frames]
            is_labelled = [label is not None for label in labels]
            if not any(is_labelled):
                continue
            rows = []
            for frame, label in zip(frames, labels, strict=True):
                shape = (len(frame.types), *kind.shape) if kind.is_atomic else kind.shape
                rows.append(np.zeros(shape) if label is None else label)
            content[kind.field] = self._tensor(np.concatenate(rows) if kind.is_atomic else np.stack(rows))
            if not all(is_labelled):
                content[f"has_{kind.field}"] = torch.tensor(is_labelled, device=self._device)
        return Labels(**content)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self._device)
