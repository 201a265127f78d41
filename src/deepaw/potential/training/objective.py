"""The loss of batches, and its gradient, by one process or by several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.kernel import TrainingKernel
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.errors import Errors
from deepaw.potential.training.frames import LabelledBatch, TrainingFrames
from deepaw.potential.training.labels import Predictions
from deepaw.potential.training.losses import Loss
from deepaw.potential.training.passes import KeptPasses, can_pass
from deepaw.potential.training.predictions import differentiate_passes, is_alone, predictions_of
from deepaw.potential.training.processes import Processes

FrameIndex = tuple[int, int]


class Objective:
    """What is minimised, for a model as it is.

    Every process calls the methods with the same frames, works on its share, and gets the same results: counts of
    labels are summed before the loss, so that the sum of the losses of shares is the loss of the batch.

    weights: the parameters that gradients are taken for. compute: of products in what gradients are taken of
    (`predict`); `errors` are those of the model in its own precision. gradients: like the weights, memory to have them
    in.
    """

    def __init__(
        self,
        model: AtomicModel,
        kernels: Sequence[TrainingKernel[Any]],
        loss: Loss,
        weights: Sequence[Tensor],
        processes: Processes,
        compute: torch.dtype | None = None,
        gradients: Sequence[Tensor] | None = None,
    ) -> None:
        self._model, self._kernels, self._loss, self._weights = model, kernels, loss, weights
        self._gradients = [torch.empty_like(weight) for weight in weights] if gradients is None else gradients
        self._kept = None
        if isinstance(model, PotentialModel) and can_pass(model, kernels):
            places = {id(weight): place for weight, place in zip(weights, self._gradients, strict=True)}
            self._kept = KeptPasses(model, kernels, places)
        self._processes, self._compute = processes, compute
        self._device = model.contributes.device

    def gradient(
        self, prepared: TrainingFrames, frames: Sequence[FrameIndex], rate: float, signals: Tensor
    ) -> tuple[Sequence[Tensor], Errors]:
        """Of the loss of a batch at a learning rate, for each of the weights, and the errors it is made of.

        Each gradient takes the place of the one before. Weights that the batch does not involve have one of 0.
        signals: float64, on the model's device, numbers
        of this process that are replaced by their sums over all.
        """
        batch, counts = self._share(prepared, frames)
        if batch is not None and self._kept is not None and is_alone(self._model, batch):
            loss, errors = self._pass(batch, self._kept, rate, counts)
        else:
            loss, errors = self._errors(batch, counts, rate, self._compute)
            if loss.requires_grad:
                found = torch.autograd.grad(loss, self._weights, allow_unused=True, materialize_grads=True)
                torch._foreach_copy_(list(self._gradients), found)
        if not loss.requires_grad:
            torch._foreach_zero_(list(self._gradients))
        return self._together(self._gradients, errors, signals)

    @torch.no_grad()
    def errors(self, prepared: TrainingFrames, frames: Sequence[FrameIndex], rate: float) -> Errors:
        """Those of a batch, at a learning rate."""
        _, errors = self._errors(*self._share(prepared, frames), rate)
        return self._together([], errors, errors.loss.new_zeros(0))[1]

    @torch.no_grad()
    def loss_of(self, prepared: TrainingFrames, frame: FrameIndex, rate: float) -> float:
        """The loss of one frame, by this process alone."""
        batch = prepared.batch([frame])
        return float(self._loss(rate, self._predictions(batch, self._compute), batch.labels, batch.batch.natoms)[0])

    def _share(
        self, prepared: TrainingFrames, frames: Sequence[FrameIndex]
    ) -> tuple[LabelledBatch | None, Tensor | None]:
        """What this process works on, if anything; the counts of the whole batch, where that is a part of it."""
        share = self._processes.share(frames)
        batch = prepared.batch(share) if share else None
        if self._processes.count == 1:
            return batch, None
        counts = torch.zeros(self._loss.terms, dtype=torch.float64, device=self._device)
        if batch is not None:
            counts = self._loss.counts(batch.labels, batch.batch.natoms)
        self._processes.sum(counts)
        return batch, counts

    def _errors(
        self, batch: LabelledBatch | None, counts: Tensor | None, rate: float, compute: torch.dtype | None = None
    ) -> tuple[Tensor, Errors]:
        if batch is None:
            nothing = torch.zeros((), dtype=torch.float64, device=self._device)
            none = nothing.new_zeros(self._loss.terms)
            return nothing, Errors(nothing, none, none, self._loss.shown)
        return self._loss(rate, self._predictions(batch, compute), batch.labels, batch.batch.natoms, counts)

    def _pass(
        self, batch: LabelledBatch, kept: KeptPasses, rate: float, counts: Tensor | None
    ) -> tuple[Tensor, Errors]:
        """Loss and errors; gradients by passes, so that automatic differentiation sees the loss alone."""
        with torch.no_grad():
            predicted = self._predictions(batch, self._compute)
        leaves = {name: value.requires_grad_() for name, value in vars(predicted).items() if value is not None}
        loss, errors = self._loss(rate, predicted, batch.labels, batch.batch.natoms, counts)
        if loss.requires_grad:
            found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
            assert isinstance(self._model, PotentialModel)
            of = Predictions(**dict(zip(leaves, found, strict=True)))
            differentiate_passes(self._model, batch, kept.of(batch.batch, self._compute), of)
        return loss, errors

    def _predictions(self, prepared: LabelledBatch, compute: torch.dtype | None = None) -> Predictions:
        virial = self._loss.needs_virial
        return predictions_of(self._model, self._kernels, prepared, virial=virial, compute=compute, kept=self._kept)

    def _together(
        self, gradients: Sequence[Tensor], errors: Errors, signals: Tensor
    ) -> tuple[Sequence[Tensor], Errors]:
        if self._processes.count == 1:
            return gradients, errors
        # in float64 throughout, so that one exchange carries them all
        results = [errors.loss, errors.sums, errors.counts, signals]
        wide = [tensor.detach().double() for tensor in (*gradients, *results)]
        self._processes.sum(*wide)
        for gradient, summed in zip(gradients, wide, strict=False):
            gradient.copy_(summed)
        loss, sums, counts, all_signals = wide[len(gradients) :]
        signals.copy_(all_signals)
        return gradients, replace(errors, loss=loss, sums=sums, counts=counts)
