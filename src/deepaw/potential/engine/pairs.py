"""Kernel of descriptors that embed one neighbour at a time: the pair operator, folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.engine.columnproducts import ColumnProducts
from deepaw.potential.engine.folding import Fold, fitting_basis, fold
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.precision import Budget
from deepaw.potential.engine.typed import split_off_type, with_type
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.network.products import product
from deepaw.potential.pairs.choice import make_operator
from deepaw.potential.pairs.operator import PairOperator


@dataclass(frozen=True)
class SavedForBackward:
    """Neighbours of a tile, and Q = B P, (n, components, functions)."""

    table: NeighbourTable
    Q: Tensor


class PairKernel(Kernel):
    """Moments B of a basis of s, projected on the functions of a fold, Q = B P.

    Features are the products of the columns of Q with its first `axes` (`ColumnProducts`), or Q itself where axes is 0.
    """

    def __init__(self, operator: PairOperator, fold: Fold, width: int) -> None:
        """width: number of entries of the descriptor, for `size`."""
        self.operator = operator
        self.project = torch.cat(fold.project).to(operator.dtype)
        self._project_transposed = self.project.T.contiguous()
        self._functions = self.project.shape[1]
        self.axes = fold.axes
        self._products = ColumnProducts(self._functions, fold.axes) if fold.axes else None
        self.weights = fold.weights if self._products is None else self._products.fold_weights(fold.weights)
        self.directions = fold.directions
        self.size = FoldSize(operator.form.basis.size, self._functions, len(self.weights), width)

    def forward(self, table: NeighbourTable) -> tuple[Tensor, SavedForBackward]:
        B = self.operator.forward(table)
        Q = product(B.view(-1, len(self.project)), self.project).view(len(B), -1, self._functions)
        features = Q.flatten(1) if self._products is None else self._products.forward(Q)
        return features, SavedForBackward(table, Q)

    def vectors(self, saved: SavedForBackward) -> Tensor:
        """Return all but the first row of Q."""
        return saved.Q[:, 1:].transpose(1, 2)

    def backward(self, grad_features: Tensor, saved: SavedForBackward, grad_vectors: Tensor | None = None) -> Tensor:
        Q = saved.Q
        products = self._products
        grad_Q = grad_features.view_as(Q) if products is None else products.backward(Q, grad_features)
        if grad_vectors is not None:
            grad_Q[:, 1:] += grad_vectors.transpose(1, 2)
        grad_B = product(grad_Q.reshape(-1, self._functions), self._project_transposed)
        return self.operator.vjp(saved.table, grad_B)


def pair_kernels(
    part: PairwiseDescriptor, shortest: float, weights: Sequence[Tensor], budget: Budget
) -> list[Kernel] | None:
    """Return a kernel for each type of centre: `deepaw.potential.engine.registry`."""
    basis = fitting_basis(part, part.largest_s(shortest), budget.tolerance)
    operator = make_operator(part.pair_form(basis), budget.dtype)
    kernels: list[Kernel] = []
    for kind, first_layer in enumerate(weights):
        rows, type_rows = split_off_type(part.types, first_layer)
        kernel = PairKernel(operator, fold(part, kind, basis, rows, budget.tolerance), part.width)
        kernels.append(with_type(kernel, part.types, kind, type_rows))
    return kernels
