"""Loss of batches and its gradient, computed by one process or by several together."""

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
from deepaw.potential.training.passes import PassesCache, has_written_passes
from deepaw.potential.training.predictions import backward_passes, depends_on_nets_only, predict_batch
from deepaw.potential.training.processes import Processes

FrameIndex = tuple[int, int]


class Objective:
    """Loss function of the weights of a model, and its gradient.

    Every process calls the methods with the same frames, works on its share of them, and gets the same results: counts
    of labels are summed before the loss, so that the sum of the losses of the shares is the loss of the batch.

    weights: parameters to differentiate. compute: dtype of products in training steps (`predict`); `errors` are
    computed in the precision of the model. gradients: memory for the gradients, shaped like the weights.
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
        self._passes_cache = None
        if isinstance(model, PotentialModel) and has_written_passes(model, kernels):
            gradient_by_id = {id(weight): gradient for weight, gradient in zip(weights, self._gradients, strict=True)}
            self._passes_cache = PassesCache(model, kernels, gradient_by_id)
        self._processes, self._compute = processes, compute
        self._device = model.type_mask.device

    def gradient(
        self, prepared: TrainingFrames, frames: Sequence[FrameIndex], rate: float, signals: Tensor
    ) -> tuple[Sequence[Tensor], Errors]:
        """Compute the gradient of the loss of a batch for each of the weights, and the errors.

        Gradients are overwritten by the next call. Weights that do not affect the batch have gradient 0. rate: learning
        rate. signals: float64, on the model's device, numbers of this process, replaced by their sums over processes.
        """
        batch, counts = self._local_batch(prepared, frames)
        if batch is not None and self._passes_cache is not None and depends_on_nets_only(self._model, batch):
            loss, errors = self._run_passes(batch, self._passes_cache, rate, counts)
        else:
            loss, errors = self._errors(batch, counts, rate, self._compute)
            if loss.requires_grad:
                gradients = torch.autograd.grad(loss, self._weights, allow_unused=True, materialize_grads=True)
                torch._foreach_copy_(list(self._gradients), gradients)
        if not loss.requires_grad:
            torch._foreach_zero_(list(self._gradients))
        return self._sum_over_processes(self._gradients, errors, signals)

    @torch.no_grad()
    def errors(self, prepared: TrainingFrames, frames: Sequence[FrameIndex], rate: float) -> Errors:
        """Compute the errors of a batch at a learning rate."""
        _, errors = self._errors(*self._local_batch(prepared, frames), rate)
        return self._sum_over_processes([], errors, errors.loss.new_zeros(0))[1]

    @torch.no_grad()
    def frame_loss(self, prepared: TrainingFrames, frame: FrameIndex, rate: float) -> float:
        """Compute the loss of one frame in this process alone."""
        batch = prepared.batch([frame])
        return float(self._loss(rate, self._predictions(batch, self._compute), batch.labels, batch.batch.natoms)[0])

    def _local_batch(
        self, prepared: TrainingFrames, frames: Sequence[FrameIndex]
    ) -> tuple[LabelledBatch | None, Tensor | None]:
        """Return the share of this process, or None if it has no frame, and the counts of the whole batch.

        The counts are None with a single process.
        """
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
        """Compute loss and errors of the share of this process."""
        if batch is None:
            zero = torch.zeros((), dtype=torch.float64, device=self._device)
            zeros = zero.new_zeros(self._loss.terms)
            return zero, Errors(zero, zeros, zeros, self._loss.error_names)
        return self._loss(rate, self._predictions(batch, compute), batch.labels, batch.batch.natoms, counts)

    def _run_passes(
        self, batch: LabelledBatch, cache: PassesCache, rate: float, counts: Tensor | None
    ) -> tuple[Tensor, Errors]:
        """Compute loss and errors, and gradients by written passes; autograd differentiates only the loss function."""
        with torch.no_grad():
            predictions = self._predictions(batch, self._compute)
        leaves = {name: value.requires_grad_() for name, value in vars(predictions).items() if value is not None}
        loss, errors = self._loss(rate, predictions, batch.labels, batch.batch.natoms, counts)
        if loss.requires_grad:
            gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
            assert isinstance(self._model, PotentialModel)
            grad_predictions = Predictions(**dict(zip(leaves, gradients, strict=True)))
            passes = cache.get(batch.batch, self._compute)
            backward_passes(self._model, batch, passes, grad_predictions)
        return loss, errors

    def _predictions(self, prepared: LabelledBatch, compute: torch.dtype | None = None) -> Predictions:
        virial = self._loss.needs_virial
        return predict_batch(
            self._model, self._kernels, prepared, virial=virial, compute=compute, cache=self._passes_cache
        )

    def _sum_over_processes(
        self, gradients: Sequence[Tensor], errors: Errors, signals: Tensor
    ) -> tuple[Sequence[Tensor], Errors]:
        """Sum gradients, errors and signals over all processes."""
        if self._processes.count == 1:
            return gradients, errors
        # one exchange of float64 values
        results = [errors.loss, errors.sums, errors.counts, signals]
        wide = [tensor.detach().double() for tensor in (*gradients, *results)]
        self._processes.sum(*wide)
        for gradient, summed in zip(gradients, wide, strict=False):
            gradient.copy_(summed)
        loss, sums, counts, all_signals = wide[len(gradients) :]
        signals.copy_(all_signals)
        return gradients, replace(errors, loss=loss, sums=sums, counts=counts)
