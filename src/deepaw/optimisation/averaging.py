"""Averages of weights along a training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class AveragedWeights:
    """Exponential moving average of some weights, with a shorter memory in the first steps unless it is `uniform`."""

    def __init__(self, weights: Iterable[Tensor], decay: float, *, uniform: bool = False) -> None:
        self._weights = list(weights)
        self._decay = decay
        self._uniform = uniform
        self.averages = [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After optimisation step `step`, counted from 0."""
        decay = self._decay if self._uniform else min(self._decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(self.averages, [weight.detach() for weight in self._weights], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their averages; a second call undoes it."""
        for weight, average in zip(self._weights, self.averages, strict=True):
            kept = weight.detach().clone()
            weight.copy_(average)
            average.copy_(kept)
