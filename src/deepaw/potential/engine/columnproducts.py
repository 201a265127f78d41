"""Products of the columns of small matrices, each pair of columns once: what a folded fitting net reads."""

from __future__ import annotations

import torch
from torch import Tensor

from deepaw.native.library import address, find_library


class ColumnProducts:
    """P[p, q] = sum_c Q[c, p] Q[c, q] for columns p of Q and q <= min(p, axes - 1), row after row.

    Q^T Q[:, :axes] has its upper part twice; weights of both places are added up instead, so that a first layer of a
    fitting net reads columns * axes - axes (axes - 1) / 2 numbers of an atom.
    """

    def __init__(self, columns: int, axes: int) -> None:
        """columns: of Q. axes: number of its first columns, 1 or more."""
        self.columns, self.axes = columns, axes
        p, q = torch.meshgrid(torch.arange(columns), torch.arange(axes), indexing="ij")
        self._kept = torch.nonzero((q <= p).flatten()).squeeze(1)

    @property
    def count(self) -> int:
        """Number of products."""
        return len(self._kept)

    def fold_weights(self, weights: Tensor) -> Tensor:
        """Weights (count, outputs) of the products, from those of Q^T Q[:, :axes], (columns * axes, outputs)."""
        square = weights.view(self.columns, self.axes, -1)
        folded = square.clone()
        block = square[: self.axes]
        below = torch.ones(self.axes, self.axes, dtype=torch.bool).tril(-1).unsqueeze(2)
        folded[: self.axes] += torch.where(below, block.transpose(0, 1), 0.0)
        return folded.flatten(0, 1)[self._kept]

    def forward(self, Q: Tensor) -> Tensor:
        """Products (n, count) of Q (n, components, columns)."""
        library = find_library()
        if library is None:
            return (Q.transpose(1, 2) @ Q[:, :, : self.axes]).flatten(1)[:, self._kept]
        products = Q.new_empty(len(Q), self.count)
        library.deepaw_products_forward(
            len(Q), Q.shape[1], self.columns, self.axes, address(Q), address(products), Q.element_size()
        )
        return products

    def backward(self, Q: Tensor, grad_products: Tensor) -> Tensor:
        """dE/dQ from dE/dP (n, count)."""
        library = find_library()
        if library is None:
            G = grad_products.new_zeros(len(Q), self.columns * self.axes)
            G[:, self._kept] = grad_products
            G = G.view(len(Q), self.columns, self.axes)
            grad_Q = Q[:, :, : self.axes] @ G.transpose(1, 2)
            grad_Q[:, :, : self.axes] += Q @ G
            return grad_Q
        grad_Q = torch.empty_like(Q)
        grad_products = grad_products.contiguous()
        library.deepaw_products_backward(
            len(Q),
            Q.shape[1],
            self.columns,
            self.axes,
            address(Q),
            address(grad_products),
            address(grad_Q),
            Q.element_size(),
        )
        return grad_Q
