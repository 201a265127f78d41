"""The passes from moments to descriptors that a loss of energies and of their gradients takes.

As `deepaw.potential.network.passes`, with its names: D the descriptors, B the moments, G = dE/dD, H = dJ/dD, a dot for
tangents. The plain forms are `contract` of the descriptors, differentiated twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.se_e2_r import SCALE, SeE2R
from deepaw.potential.network.products import batch_product, product


class ContractionPasses(ABC):
    """Of some atoms, sorted by type, in this order: `value`, `gradient`, `tangent`, `reverse`.

    out: (n, width), columns of a larger matrix, perhaps.
    """

    def __init__(self, part: PairwiseDescriptor, moments: Tensor, coefficients: Tensor, counts: Sequence[int]) -> None:
        """moments: (n, components, ntypes, K). coefficients: (ntypes, ntypes * K, M), C of each type of centre. counts:
        atoms of each type."""
        self._shape = moments.shape
        components = moments.shape[1]
        self._B = moments.reshape(moments.shape[0] * components, -1)
        ends = accumulate((components * count for count in counts), initial=0)
        self._rows = [slice(*ends_of) for ends_of in pairwise(ends)]
        self._scale = self._scale_of(part)
        self._C = coefficients * self._scale

    def _scale_of(self, part: PairwiseDescriptor) -> float:
        """What C is multiplied by."""
        return 1 / part.nnei

    @abstractmethod
    def value(self, out: Tensor) -> None:
        """out = D."""

    @abstractmethod
    def gradient(self, G: Tensor) -> Tensor:
        """dE/dB, like the moments."""

    @abstractmethod
    def tangent(self, B_dot: Tensor, out: Tensor) -> None:
        """out = the tangent of D, from that of B, like the moments."""

    @abstractmethod
    def reverse(self, H: Tensor) -> Tensor:
        """dJ/dC, like the coefficients."""

    def _contracted(self, B: Tensor) -> Tensor:
        """B C, of each type."""
        found = B.new_empty(len(B), self._C.shape[2])
        for rows, C in zip(self._rows, self._C, strict=True):
            product(B[rows], C, out=found[rows])
        return found

    def _expanded(self, of_A: Tensor) -> Tensor:
        """dE/dB from dE/d(B C)."""
        found = of_A.new_empty(self._B.shape)
        for rows, C in zip(self._rows, self._C, strict=True):
            product(of_A[rows], C.t(), out=found[rows])
        return found.view(self._shape)

    def _of_coefficients(self, *factors: tuple[Tensor, Tensor]) -> Tensor:
        """dJ/dC from pairs of B and dJ/d(B C), or of their tangents."""
        found = torch.zeros_like(self._C)
        for rows, of_type in zip(self._rows, found, strict=True):
            for B, of_A in factors:
                product(B[rows].t(), of_A[rows], out=of_type, add=True)
        return found.mul_(self._scale)


class SeE2APasses(ContractionPasses):
    """D = A^T A', A = B C / nnei, where A' are the first columns of A."""

    def __init__(self, part: SeE2A, moments: Tensor, coefficients: Tensor, counts: Sequence[int]) -> None:
        super().__init__(part, moments, coefficients, counts)
        self._axes = part.config.axis_neuron

    def value(self, out: Tensor) -> None:
        self._A = self._vectors(self._B)
        batch_product(self._A.transpose(1, 2), self._A[:, :, : self._axes], out=self._matrices(out))

    def gradient(self, G: Tensor) -> Tensor:
        self._G = self._matrices(G)
        of_A_dot = torch.zeros_like(self._A)
        self._add_back(self._A, self._G, of_A_dot)
        self._of_A_dot = of_A_dot.flatten(0, 1)
        return self._expanded(self._of_A_dot)

    def tangent(self, B_dot: Tensor, out: Tensor) -> None:
        self._B_dot = B_dot.reshape(self._B.shape)
        self._A_dot = self._vectors(self._B_dot)
        both = torch.cat([self._A_dot, self._A, self._A_dot], dim=1)
        batch_product(both[:, :8].transpose(1, 2), both[:, 4:, : self._axes], out=self._matrices(out))

    def reverse(self, H: Tensor) -> Tensor:
        of_A = torch.zeros_like(self._A)
        self._add_back(self._A, self._matrices(H), of_A)
        self._add_back(self._A_dot, self._G, of_A)
        return self._of_coefficients((self._B, of_A.flatten(0, 1)), (self._B_dot, self._of_A_dot))

    def _vectors(self, B: Tensor) -> Tensor:
        return self._contracted(B).view(self._shape[0], 4, -1)

    def _matrices(self, rows: Tensor) -> Tensor:
        return rows.unflatten(1, (-1, self._axes))

    def _add_back(self, A: Tensor, G: Tensor, out: Tensor) -> None:
        """out += the derivative in A of sum(G * A^T A'), (n, 4, M)."""
        batch_product(A[:, :, : self._axes], G.transpose(1, 2), out=out, add=True)
        batch_product(A, G, out=out[:, :, : self._axes], add=True)


class SeE2RPasses(ContractionPasses):
    """D = B C / (5 nnei)."""

    def _scale_of(self, part: PairwiseDescriptor) -> float:
        return SCALE / part.nnei

    def value(self, out: Tensor) -> None:
        out.copy_(self._contracted(self._B))

    def gradient(self, G: Tensor) -> Tensor:
        self._G = G
        return self._expanded(G)

    def tangent(self, B_dot: Tensor, out: Tensor) -> None:
        self._B_dot = B_dot.reshape(self._B.shape)
        out.copy_(self._contracted(self._B_dot))

    def reverse(self, H: Tensor) -> Tensor:
        return self._of_coefficients((self._B, H), (self._B_dot, self._G))


def contraction_passes(part: Descriptor) -> type[SeE2APasses] | type[SeE2RPasses] | None:
    """Those of a descriptor, if it has them and no network of types."""
    kinds: dict[type, type[SeE2APasses] | type[SeE2RPasses]] = {SeE2A: SeE2APasses, SeE2R: SeE2RPasses}
    return kinds.get(type(part)) if isinstance(part, PairwiseDescriptor) and part.types is None else None
