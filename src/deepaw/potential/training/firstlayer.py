"""First layers of fitting nets that read moments instead of descriptors: `docs/spectral.md`.

z = D W with D = C^T P is P (C W): where the basis has fewer polynomials than the embedding nets have outputs, the
layer is narrower, and everything that passes through it cheaper, for the price of C W and its way back once a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from deepaw.potential.descriptor.contraction import Contraction, FoldedSeE2APasses, SeE2APasses, contraction_passes
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.network.passes import Calls
from deepaw.potential.network.products import bound_product


def find_contraction(part: PairwiseDescriptor, polynomials: int, natoms: int) -> Contraction:
    """The passes of a part that has some: those before its coefficients where that takes fewer multiplications.

    polynomials: of all types of neighbours.
    """
    found = contraction_passes(part)
    assert found is not None
    if found is not SeE2APasses:
        return found
    outputs = part.config.neuron[-1]
    # six products of a step have a row for each atom and three one for each polynomial
    pays = 2 * natoms * (outputs - polynomials) > part.ntypes * polynomials * outputs
    return FoldedSeE2APasses if pays else SeE2APasses


class Piece(NamedTuple):
    """Inputs of a layer, after those of pieces before. width: how many in its own w; folded: (ntypes, K, M), the
    coefficients it is multiplied by instead of descriptors, and dJ/dC, which is added to; None: as they are."""

    width: int
    folded: tuple[Tensor, Tensor] | None


class FirstLayer:
    """That of one type, `forward` and then `backward`, again and again, with the weights as they are then.

    w: (inputs, outputs), what it multiplies by. of_w: dJ/dw, for the caller to fill before `backward`.
    """

    def __init__(self, kind: int, own: Tensor, gradient: Tensor, pieces: Sequence[Piece]) -> None:
        """kind: the type. own: the weights of the descriptor; gradient: like these, what `backward` fills."""
        self._forward: Calls = []
        self._backward: Calls = []
        outputs = own.shape[1]
        sizes = [piece.width if piece.folded is None else _folded_width(piece, kind) for piece in pieces]
        self.w, self.of_w = (own.new_empty(sum(sizes), outputs) for _ in range(2))
        widths = [piece.width for piece in pieces]
        columns = (each.split(counts) for each, counts in ((own, widths), (gradient, widths)))
        with torch.no_grad():
            places = zip(*columns, self.w.split(sizes), self.of_w.split(sizes), pieces, strict=True)
            for w, of_w, product, of_product, piece in places:
                if piece.folded is None:
                    self._forward.append(partial(product.copy_, w.detach()))
                    self._backward.append(partial(of_w.copy_, of_product))
                    continue
                C, of_C = (each[kind] for each in piece.folded)
                w, of_w = (each.detach().view(C.shape[1], -1) for each in (w, of_w))
                product, of_product = (each.view(C.shape[0], -1) for each in (product, of_product))
                self._forward.append(bound_product(C, w, product))
                self._backward.append(bound_product(C.t(), of_product, of_w))
                self._backward.append(bound_product(of_product, w.t(), of_C, add=True))

    def forward(self) -> None:
        """w, of the weights and coefficients."""
        for call in self._forward:
            call()

    def backward(self) -> None:
        """The gradient of the own weights, and what is added to that of the coefficients."""
        for call in self._backward:
            call()


def _folded_width(piece: Piece, kind: int) -> int:
    assert piece.folded is not None
    K, M = piece.folded[0][kind].shape
    return piece.width // M * K
