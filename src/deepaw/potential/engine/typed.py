"""Rows that end with the embedding of the centre's type: a constant, to centres of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.type_embedding import TypeEmbedding
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.neighbours.table import NeighbourTable


def split_off_type(types: TypeEmbedding | None, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of a first layer's weights (width, outputs), those that the embedding of the type meets apart."""
    width = len(weights) - (0 if types is None else types.width)
    return weights[:width], weights[width:]


def with_type(kernel: Kernel, types: TypeEmbedding | None, kind: int, weights: Tensor) -> Kernel:
    """The kernel with what centres of type `kind` have after its features; weights: as `split_off_type` gave them."""
    return kernel if types is None else _WithType(kernel, types()[kind].to(weights) @ weights)


@dataclass
class _WithType(Kernel):
    """One more feature, which is 1. of_type: (outputs,), what it is multiplied by."""

    kernel: Kernel
    of_type: Tensor

    def __post_init__(self) -> None:
        self.weights = torch.cat([self.kernel.weights, self.of_type.unsqueeze(0)])
        self.size = self.kernel.size._replace(features=len(self.weights))
        self.directions = self.kernel.directions
        self.largest_tile = self.kernel.largest_tile

    def forward(self, table: NeighbourTable) -> tuple[Tensor, Any]:
        features, saved = self.kernel.forward(table)
        return torch.cat([features, features.new_ones(len(features), 1)], dim=1), saved

    def vectors(self, saved: Any) -> Tensor:
        return self.kernel.vectors(saved)

    def backward(self, grad_features: Tensor, saved: Any, grad_vectors: Tensor | None = None) -> Tensor:
        return self.kernel.backward(grad_features[:, :-1], saved, grad_vectors)
