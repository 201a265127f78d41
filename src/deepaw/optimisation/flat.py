"""Weights side by side in memory, so that norms and steps of an optimiser are one pass over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_ALIGNED = 16
"""Each weight begins at a multiple of so many numbers, as vector instructions like it."""


class FlatWeights:
    """Some weights, which are views of one vector for each type of numbers from then on.

    vectors: what an optimiser steps, each with its gradient. gradients: of the weights, views of those of the vectors.
    What lies between weights is 0 and has a gradient of 0.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        """weights: leaves on one device, of any types, with one axis or more."""
        self.vectors: list[Tensor] = []
        self._weights = list(weights)
        self._places: dict[int, tuple[int, slice]] = {}
        for dtype in dict.fromkeys(weight.dtype for weight in weights):
            end = 0
            for number, weight in enumerate(weights):
                if weight.dtype == dtype:
                    self._places[number] = len(self.vectors), slice(end, end + weight.numel())
                    end += -(-weight.numel() // _ALIGNED) * _ALIGNED
            vector = torch.zeros(end, dtype=dtype, device=weights[0].device)
            vector.grad = torch.zeros_like(vector)
            self.vectors.append(vector)
        for number, weight in enumerate(self._weights):
            place = self._of_weight(number, self.vectors)
            place.copy_(weight.detach())
            weight.data = place
        self.gradients = [self._of_weight(number, self.vectors_gradients) for number in range(len(self._weights))]

    @property
    def vectors_gradients(self) -> list[Tensor]:
        """Those of the vectors."""
        return [vector.grad for vector in self.vectors if vector.grad is not None]

    def by_weight(self, state: dict[str, Any]) -> dict[str, Any]:
        """The `state_dict` of an optimiser of the vectors as that of one of the weights."""
        found = {}
        for number, (vector, _) in self._places.items():
            of_vector = state["state"].get(vector, {})
            found[number] = {
                name: (self._of_weight(number, {vector: value}) if _is_vector(value) else value).clone()
                for name, value in of_vector.items()
            }
        (group,) = state["param_groups"]
        content = {number: of_weight for number, of_weight in found.items() if of_weight}
        return {"state": content, "param_groups": [{**group, "params": list(range(len(self._weights)))}]}

    def by_vector(self, state: dict[str, Any]) -> dict[str, Any]:
        """The reverse of `by_weight`."""
        found: dict[int, dict[str, Any]] = {}
        for number, of_weight in state["state"].items():
            vector, _ = self._places[number]
            of_vector = found.setdefault(vector, {})
            for name, value in of_weight.items():
                if _is_vector(value):
                    whole = of_vector.setdefault(name, torch.zeros_like(self.vectors[vector]))
                    self._of_weight(number, {vector: whole}).copy_(value)
                else:
                    of_vector[name] = value.clone()
        (group,) = state["param_groups"]
        return {"state": found, "param_groups": [{**group, "params": list(range(len(self.vectors)))}]}

    def _of_weight(self, number: int, vectors: Any) -> Tensor:
        """What belongs to a weight, in its shape."""
        vector, place = self._places[number]
        found: Tensor = vectors[vector][place].view(self._weights[number].shape)
        return found


def _is_vector(value: Tensor) -> bool:
    """Rather than one number for all of a weight, such as how many steps were made."""
    return value.ndim > 0
