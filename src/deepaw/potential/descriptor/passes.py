"""The passes from moments to descriptors that a loss of energies and of their gradients takes.

As `deepaw.potential.network.passes`, with its names: D the descriptors, B the moments, G = dE/dD, H = dJ/dD, a dot for
tangents. The plain forms are `contract` of the descriptors, differentiated twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.se_e2_r import SCALE, SeE2R
from deepaw.potential.network.products import product


class ContractionPasses(ABC):
    """Of some atoms of one type, in this order: `value`, `gradient`, `tangent`, `reverse`.

    moments: (n, components, ntypes, K). coefficients: (ntypes * K, M), C.
    """

    def __init__(self, part: PairwiseDescriptor, moments: Tensor, coefficients: Tensor) -> None:
        self._shape = moments.shape
        self._B = moments.reshape(moments.shape[0] * moments.shape[1], -1)
        self._C = coefficients
        self._scale = 1 / part.nnei

    @abstractmethod
    def value(self) -> Tensor:
        """D (n, width)."""

    @abstractmethod
    def gradient(self, G: Tensor) -> Tensor:
        """dE/dB, like the moments."""

    @abstractmethod
    def tangent(self, B_dot: Tensor) -> Tensor:
        """That of D (n, width), from that of B, like the moments."""

    @abstractmethod
    def reverse(self, H: Tensor) -> Tensor:
        """dJ/dC."""


class SeE2APasses(ContractionPasses):
    """D = A^T A', A = B C / nnei, where A' are the first columns of A."""

    def __init__(self, part: SeE2A, moments: Tensor, coefficients: Tensor) -> None:
        super().__init__(part, moments, coefficients)
        self._axes = part.config.axis_neuron

    def value(self) -> Tensor:
        self._A = self._contracted(self._B)
        return torch.bmm(self._A.transpose(1, 2), self._A[:, :, : self._axes]).flatten(1)

    def gradient(self, G: Tensor) -> Tensor:
        self._G = self._matrices(G)
        self._of_A_dot = self._back(self._A, self._G).flatten(0, 1)
        return (product(self._of_A_dot, self._C.t()) * self._scale).view(self._shape)

    def tangent(self, B_dot: Tensor) -> Tensor:
        self._B_dot = B_dot.reshape(self._B.shape)
        self._A_dot = self._contracted(self._B_dot)
        left, right = torch.cat([self._A_dot, self._A], dim=1), torch.cat([self._A, self._A_dot], dim=1)
        return torch.bmm(left.transpose(1, 2), right[:, :, : self._axes]).flatten(1)

    def reverse(self, H: Tensor) -> Tensor:
        of_A = self._back(self._A, self._matrices(H)).add_(self._back(self._A_dot, self._G)).flatten(0, 1)
        return product(self._B.t(), of_A).add_(product(self._B_dot.t(), self._of_A_dot)).mul_(self._scale)

    def _contracted(self, B: Tensor) -> Tensor:
        return (product(B, self._C) * self._scale).view(self._shape[0], 4, -1)

    def _matrices(self, rows: Tensor) -> Tensor:
        return rows.reshape(len(rows), -1, self._axes)

    def _back(self, A: Tensor, G: Tensor) -> Tensor:
        """Derivative in A of sum(G * A^T A'), (n, 4, M)."""
        found = torch.bmm(A[:, :, : self._axes], G.transpose(1, 2))
        found[:, :, : self._axes] += torch.bmm(A, G)
        return found


class SeE2RPasses(ContractionPasses):
    """D = B C / (5 nnei)."""

    def __init__(self, part: SeE2R, moments: Tensor, coefficients: Tensor) -> None:
        super().__init__(part, moments, coefficients)
        self._scale *= SCALE

    def value(self) -> Tensor:
        return product(self._B, self._C) * self._scale

    def gradient(self, G: Tensor) -> Tensor:
        self._G = G
        return (product(G, self._C.t()) * self._scale).view(self._shape)

    def tangent(self, B_dot: Tensor) -> Tensor:
        self._B_dot = B_dot.reshape(self._B.shape)
        return product(self._B_dot, self._C) * self._scale

    def reverse(self, H: Tensor) -> Tensor:
        return product(self._B.t(), H).add_(product(self._B_dot.t(), self._G)).mul_(self._scale)


def contraction_passes(part: Descriptor) -> type[SeE2APasses] | type[SeE2RPasses] | None:
    """Those of a descriptor, if it has them and no network of types."""
    kinds: dict[type, type[SeE2APasses] | type[SeE2RPasses]] = {SeE2A: SeE2APasses, SeE2R: SeE2RPasses}
    return kinds.get(type(part)) if isinstance(part, PairwiseDescriptor) and part.types is None else None
