"""The passes from moments to descriptors that a loss of energies and of their gradients takes.

As `deepaw.potential.network.passes`, with its names: D the descriptors, B the moments, G = dE/dD, H = dJ/dD, a dot for
tangents. The plain forms are `contract` of the descriptors, differentiated twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from torch import Tensor

from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A
from deepaw.potential.descriptor.se_e2_r import SCALE, SeE2R
from deepaw.potential.network.passes import Calls
from deepaw.potential.network.products import bound_batch_product, bound_product


class Columns(NamedTuple):
    """D, its tangents, G and H, (n, width) each; columns of larger matrices, perhaps."""

    D: Tensor
    D_dot: Tensor
    G: Tensor
    H: Tensor


class ContractionPasses(ABC):
    """Of some atoms, sorted by type, in this order: `value`, `gradient`, `tangent`, `reverse`; again and again, in the
    same memory.

    B, B_dot: (n * components, ntypes * K), moments and their tangents, for the caller to fill before `value` and
    `tangent`. of_B: dE/dB, like these. of_C: dJ/dC, like C.
    """

    def __init__(self, part: PairwiseDescriptor, C: Tensor, counts: Sequence[int], columns: Columns) -> None:
        """C: (ntypes, ntypes * K, M), coefficients of each type of centre times `scale_of`. counts: atoms of each type.
        columns: what `value` and `tangent` fill, and what is given to `gradient` and `reverse`."""
        components, n = part.components, sum(counts)
        ends = accumulate((components * count for count in counts), initial=0)
        self._rows = [slice(*ends_of) for ends_of in pairwise(ends)]
        self._C, self._n, self._components = C, n, components
        self.B, self.B_dot, self.of_B = (C.new_empty(n * components, C.shape[1]) for _ in range(3))
        self.of_C = C.new_zeros(C.shape)
        self._value: Calls = []
        self._gradient: Calls = []
        self._tangent: Calls = []
        self._reverse: Calls = []
        self._bind(part, columns)

    @staticmethod
    @abstractmethod
    def scale_of(part: PairwiseDescriptor) -> float:
        """What coefficients are multiplied by."""

    @staticmethod
    @abstractmethod
    def width_of(part: PairwiseDescriptor, polynomials: int) -> int:
        """How many columns there are, of so many polynomials of all types of neighbours."""

    @abstractmethod
    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        """Make the calls of each pass."""

    def value(self) -> None:
        """D, from B."""
        _run(self._value)

    def gradient(self) -> None:
        """dE/dB, from G."""
        _run(self._gradient)

    def tangent(self) -> None:
        """The tangent of D, from that of B."""
        _run(self._tangent)

    def reverse(self) -> None:
        """dJ/dC, from H."""
        _run(self._reverse)

    def _contracted(self, B: Tensor, C: Tensor, out: Tensor) -> Calls:
        """out = B C, of each type."""
        return [bound_product(B[rows], C[kind], out[rows]) for kind, rows in self._present()]

    def _expanded(self, of_A: Tensor, C: Tensor, *, add: bool = False) -> Calls:
        """dE/dB, or what is added to it, from dE/d(B C)."""
        return [bound_product(of_A[rows], C[kind].t(), self.of_B[rows], add=add) for kind, rows in self._present()]

    def _of_coefficients(self, out: Tensor, *factors: tuple[Tensor, Tensor]) -> Calls:
        """out = dJ/dC from pairs of B and dJ/d(B C), or of their tangents."""
        return [
            bound_product(B[rows].t(), of_A[rows], out[kind], add=number > 0)
            for kind, rows in self._present()
            for number, (B, of_A) in enumerate(factors)
        ]

    def _present(self) -> list[tuple[int, slice]]:
        """Types of which there are atoms, and their rows."""
        return [(kind, rows) for kind, rows in enumerate(self._rows) if rows.start < rows.stop]

    def _by_atom(self, B: Tensor) -> Tensor:
        """(n, components, columns)."""
        return B.view(self._n, self._components, -1)


def _run(calls: Calls) -> None:
    for call in calls:
        call()


class SeE2APasses(ContractionPasses):
    """D = A^T A', A = B C, where A' are the first columns of A."""

    @staticmethod
    def scale_of(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width_of(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = axes_of(part)
        D, D_dot, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        A, A_dot, of_A, of_A_dot = (self.B.new_empty(len(self.B), self._C.shape[2]) for _ in range(4))
        by_atom = [self._by_atom(each) for each in (A, A_dot, of_A, of_A_dot)]
        whole, whole_dot, of_whole, of_whole_dot = by_atom
        first, first_dot, of_first, of_first_dot = (each[:, :, :axes] for each in by_atom)

        self._value += self._contracted(self.B, self._C, A)
        self._value.append(bound_batch_product(whole.transpose(1, 2), first, D))

        self._gradient.append(bound_batch_product(first, G.transpose(1, 2), of_whole_dot))
        self._gradient.append(bound_batch_product(whole, G, of_first_dot, add=True))
        self._gradient += self._expanded(of_A_dot, self._C)

        self._tangent += self._contracted(self.B_dot, self._C, A_dot)
        self._tangent.append(bound_batch_product(whole_dot.transpose(1, 2), first, D_dot))
        self._tangent.append(bound_batch_product(whole.transpose(1, 2), first_dot, D_dot, add=True))

        self._reverse.append(bound_batch_product(first, H.transpose(1, 2), of_whole))
        self._reverse.append(bound_batch_product(first_dot, G.transpose(1, 2), of_whole, add=True))
        self._reverse.append(bound_batch_product(whole, H, of_first, add=True))
        self._reverse.append(bound_batch_product(whole_dot, G, of_first, add=True))
        self._reverse += self._of_coefficients(self.of_C, (self.B, of_A), (self.B_dot, of_A_dot))


class FoldedSeE2APasses(ContractionPasses):
    """P = B^T A', of which the descriptor is C^T P, for layers that have C in their weights; A' as of `SeE2APasses`.

    Of C, only the columns of A' are used, and of_C is not 0 in these alone.
    """

    @staticmethod
    def scale_of(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width_of(part: PairwiseDescriptor, polynomials: int) -> int:
        return polynomials * axes_of(part)

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = axes_of(part)
        P, P_dot, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        rows = [self.B.new_empty(len(self.B), axes) for _ in range(4)]
        first, first_dot, of_first, of_first_dot = (self._by_atom(each) for each in rows)
        B, B_dot, of_B = (self._by_atom(each) for each in (self.B, self.B_dot, self.of_B))
        C = self._C[:, :, :axes]

        self._value += self._contracted(self.B, C, rows[0])
        self._value.append(bound_batch_product(B.transpose(1, 2), first, P))

        self._gradient.append(bound_batch_product(B, G, of_first_dot))
        self._gradient.append(bound_batch_product(first, G.transpose(1, 2), of_B))
        self._gradient += self._expanded(rows[3], C, add=True)

        self._tangent += self._contracted(self.B_dot, C, rows[1])
        self._tangent.append(bound_batch_product(B_dot.transpose(1, 2), first, P_dot))
        self._tangent.append(bound_batch_product(B.transpose(1, 2), first_dot, P_dot, add=True))

        self._reverse.append(bound_batch_product(B, H, of_first))
        self._reverse.append(bound_batch_product(B_dot, G, of_first, add=True))
        of_C = self.of_C[:, :, :axes]
        self._reverse += self._of_coefficients(of_C, (self.B, rows[2]), (self.B_dot, rows[3]))


class SeE2RPasses(ContractionPasses):
    """D = B C."""

    @staticmethod
    def scale_of(part: PairwiseDescriptor) -> float:
        return SCALE / part.nnei

    @staticmethod
    def width_of(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        self._value += self._contracted(self.B, self._C, columns.D)
        self._gradient += self._expanded(columns.G, self._C)
        self._tangent += self._contracted(self.B_dot, self._C, columns.D_dot)
        self._reverse += self._of_coefficients(self.of_C, (self.B, columns.H), (self.B_dot, columns.G))


Contraction = type[SeE2APasses] | type[FoldedSeE2APasses] | type[SeE2RPasses]


def contraction_passes(part: Descriptor) -> Contraction | None:
    """Those of a descriptor, if it has them and no network of types."""
    kinds: dict[type, Contraction] = {SeE2A: SeE2APasses, SeE2R: SeE2RPasses}
    return kinds.get(type(part)) if isinstance(part, PairwiseDescriptor) and part.types is None else None


def axes_of(part: PairwiseDescriptor) -> int:
    """Columns of A'."""
    assert isinstance(part, SeE2A)
    return part.config.axis_neuron
