"""Optimisers: the input section `optimizer`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field, Tag
from torch import Tensor

from deepaw.inputfile import Section, chosen_by


class AdamInput(Section):
    """Adam: Kingma and Ba, ICLR 2015."""

    type: Literal["Adam"] = "Adam"
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of their squares")
    weight_decay: float = Field(0.0, ge=0, description="times the weights, added to the gradients")

    def make(self, weights: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of these weights; the caller sets the learning rate of each step."""
        # fused: one pass over the memory instead of ten
        betas = (self.adam_beta1, self.adam_beta2)
        return torch.optim.Adam(weights, lr=0.0, betas=betas, weight_decay=self.weight_decay, fused=True)


class AdamWInput(Section):
    """AdamW: Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019."""

    type: Literal["AdamW"]
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of their squares")
    weight_decay: float = Field(0.001, ge=0, description="times learning rate and weights, taken off the weights")

    def make(self, weights: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser of these weights; the caller sets the learning rate of each step."""
        # fused: one pass over the memory instead of ten
        betas = (self.adam_beta1, self.adam_beta2)
        return torch.optim.AdamW(weights, lr=0.0, betas=betas, weight_decay=self.weight_decay, fused=True)


OptimizerInput = Annotated[
    Annotated[AdamInput, Tag("Adam")] | Annotated[AdamWInput, Tag("AdamW")], chosen_by("type", "Adam")
]
"""Input section `optimizer`."""
