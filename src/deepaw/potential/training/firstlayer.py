"""First layers of fitting nets that read moments instead of descriptors: `docs/spectral.md`.

z = D W with D = C^T P is P (C W): where the basis has fewer polynomials than the embedding nets have outputs, the
layer is narrower and its passes cheaper, for the price of C W and its backward pass once a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from deepaw.potential.descriptor.contraction import Contraction, FoldedSeE2APasses, SeE2APasses, contraction_passes
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.network.products import Calls, bound_product


def find_contraction(part: PairwiseDescriptor, polynomials: int, natoms: int) -> Contraction:
    """Return the passes of a part that has them, with folded coefficients where that takes fewer multiplications.

    polynomials: number of polynomials for all types of neighbours together. natoms: number of atoms of a batch.
    """
    contraction = contraction_passes(part)
    assert contraction is not None
    if contraction is not SeE2APasses:
        return contraction
    outputs = part.config.neuron[-1]
    # six products of a step have a row for each atom and three one for each polynomial
    pays = 2 * natoms * (outputs - polynomials) > part.ntypes * polynomials * outputs
    return FoldedSeE2APasses if pays else SeE2APasses


class Piece(NamedTuple):
    """A block of inputs of a first layer.

    width: number of descriptors or parameters, rows of the weights W. folded: coefficients C (ntypes, K, M) that are
    multiplied into W, and dJ/dC, which is added to; or None where W is used unchanged.
    """

    width: int
    folded: tuple[Tensor, Tensor] | None


class FirstLayer:
    """Weights of the first layer of one type's net, with the coefficients multiplied in: w = C W.

    Call `forward`, then `backward`; they read the weights at the time of the call, and buffers are reused.

    w: (inputs, outputs), result of `forward`. adjoint_w: dJ/dw, for the caller to fill before `backward`.
    """

    def __init__(self, kind: int, W: Tensor, grad_W: Tensor, pieces: Sequence[Piece]) -> None:
        """kind: the type. W: weights of the layer as trained. grad_W: memory for dJ/dW, which `backward` fills."""
        self._forward: Calls = []
        self._backward: Calls = []
        outputs = W.shape[1]
        sizes = [piece.width if piece.folded is None else _folded_width(piece, kind) for piece in pieces]
        self.w, self.adjoint_w = (W.new_empty(sum(sizes), outputs) for _ in range(2))
        widths = [piece.width for piece in pieces]
        with torch.no_grad():
            blocks = (W.split(widths), grad_W.split(widths), self.w.split(sizes), self.adjoint_w.split(sizes))
            for W_block, grad_block, w, adjoint_w, piece in zip(*blocks, pieces, strict=True):
                if piece.folded is None:
                    self._forward.append(partial(w.copy_, W_block.detach()))
                    self._backward.append(partial(grad_block.copy_, adjoint_w))
                    continue
                C, adjoint_C = (coefficients[kind] for coefficients in piece.folded)
                W_block, grad_block = (block.detach().view(C.shape[1], -1) for block in (W_block, grad_block))
                w, adjoint_w = (block.view(C.shape[0], -1) for block in (w, adjoint_w))
                self._forward.append(bound_product(C, W_block, w))
                self._backward.append(bound_product(C.t(), adjoint_w, grad_block))
                self._backward.append(bound_product(adjoint_w, W_block.t(), adjoint_C, add=True))

    def forward(self) -> None:
        """Compute w from W and C."""
        for call in self._forward:
            call()

    def backward(self) -> None:
        """Compute dJ/dW, and add to dJ/dC."""
        for call in self._backward:
            call()


def _folded_width(piece: Piece, kind: int) -> int:
    assert piece.folded is not None
    K, M = piece.folded[0][kind].shape
    return piece.width // M * K
