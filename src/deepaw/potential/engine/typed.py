"""Kernels of descriptors that end with the embedding of the centre's type, a constant for centres of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.type_embedding import TypeEmbedding
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.neighbours.table import NeighbourTable


def split_off_type(types: TypeEmbedding | None, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Split the first layer's weights (width, outputs) into rows of the descriptor and of the type embedding."""
    width = len(weights) - (0 if types is None else types.width)
    return weights[:width], weights[width:]


def with_type(kernel: Kernel, types: TypeEmbedding | None, kind: int, weights: Tensor) -> Kernel:
    """Append the embedding of type `kind` to a kernel; weights: rows of the type from `split_off_type`."""
    return kernel if types is None else TypedKernel(kernel, types()[kind].to(weights) @ weights)


@dataclass
class TypedKernel(Kernel):
    """Kernel with one more feature, which is 1. type_row: (outputs,), weights of that feature."""

    kernel: Kernel
    type_row: Tensor

    def __post_init__(self) -> None:
        self.weights = torch.cat([self.kernel.weights, self.type_row.unsqueeze(0)])
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
