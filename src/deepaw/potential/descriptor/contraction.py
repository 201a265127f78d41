"""Passes through the contraction of moments B to descriptors D, for a loss of energies and of their gradients.

With G = dE/dD and H = dJ/dD, J as in `deepaw.potential.network.passes`. The plain forms are `contract` of the
descriptors, differentiated twice.
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
    """Descriptors, their tangents, dE/dD and dJ/dD, (n, width) each; columns of larger matrices, perhaps."""

    D: Tensor
    tangent_D: Tensor
    grad_D: Tensor
    adjoint_D: Tensor


class ContractionPasses(ABC):
    """Passes through B -> D for a batch of atoms sorted by type.

    Call `forward`, `backward`, `jvp`, `double_backward` in that order; buffers are reused between calls.

    B, tangent_B: moments and their tangents, (n * components, ntypes * K), for the caller to fill before `forward` and
    `jvp`. grad_B: dE/dB, like these. adjoint_C: dJ/dC, like C.
    """

    def __init__(self, part: PairwiseDescriptor, C: Tensor, counts: Sequence[int], columns: Columns) -> None:
        """C: coefficients of each type of centre times `scale`, (ntypes, ntypes * K, M). counts: atoms of each type.
        columns: D and tangent_D are results; grad_D and adjoint_D are for the caller to fill."""
        components, n = part.components, sum(counts)
        ends = accumulate((components * count for count in counts), initial=0)
        self._rows = [slice(*ends_of) for ends_of in pairwise(ends)]
        self._C, self._n, self._components = C, n, components
        self.B, self.tangent_B, self.grad_B = (C.new_empty(n * components, C.shape[1]) for _ in range(3))
        self.adjoint_C = C.new_zeros(C.shape)
        self._forward: Calls = []
        self._backward: Calls = []
        self._jvp: Calls = []
        self._double_backward: Calls = []
        self._bind(part, columns)

    @staticmethod
    @abstractmethod
    def scale(part: PairwiseDescriptor) -> float:
        """Factor that coefficients are multiplied by."""

    @staticmethod
    @abstractmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        """Number of columns, for so many polynomials of all types of neighbours."""

    @abstractmethod
    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        """Make the calls of each pass."""

    def forward(self) -> None:
        """Compute D from B."""
        _run(self._forward)

    def backward(self) -> None:
        """Compute dE/dB from dE/dD."""
        _run(self._backward)

    def jvp(self) -> None:
        """Compute the tangent of D from that of B."""
        _run(self._jvp)

    def double_backward(self) -> None:
        """Compute dJ/dC from dJ/dD."""
        _run(self._double_backward)

    def _contracted(self, B: Tensor, C: Tensor, out: Tensor) -> Calls:
        """Products out = B C of each type."""
        return [bound_product(B[rows], C[kind], out[rows]) for kind, rows in self._present()]

    def _expanded(self, adjoint_A: Tensor, C: Tensor, *, add: bool = False) -> Calls:
        """dE/dB, or what is added to it, from dE/d(B C)."""
        return [
            bound_product(adjoint_A[rows], C[kind].t(), self.grad_B[rows], add=add) for kind, rows in self._present()
        ]

    def _add_up(self, out: Tensor, *factors: tuple[Tensor, Tensor]) -> Calls:
        """out = dJ/dC from pairs of B and dJ/d(B C), or of their tangents."""
        return [
            bound_product(B[rows].t(), adjoint_A[rows], out[kind], add=number > 0)
            for kind, rows in self._present()
            for number, (B, adjoint_A) in enumerate(factors)
        ]

    def _present(self) -> list[tuple[int, slice]]:
        """Types that have atoms, and their rows."""
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
    def scale(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = axes_of(part)
        D, tangent_D, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        A, tangent_A, adjoint_A, grad_A = (self.B.new_empty(len(self.B), self._C.shape[2]) for _ in range(4))
        by_atom = [self._by_atom(rows) for rows in (A, tangent_A, adjoint_A, grad_A)]
        whole, tangent_whole, adjoint_whole, grad_whole = by_atom
        first, tangent_first, adjoint_first, grad_first = (rows[:, :, :axes] for rows in by_atom)

        self._forward += self._contracted(self.B, self._C, A)
        self._forward.append(bound_batch_product(whole.transpose(1, 2), first, D))

        self._backward.append(bound_batch_product(first, G.transpose(1, 2), grad_whole))
        self._backward.append(bound_batch_product(whole, G, grad_first, add=True))
        self._backward += self._expanded(grad_A, self._C)

        self._jvp += self._contracted(self.tangent_B, self._C, tangent_A)
        self._jvp.append(bound_batch_product(tangent_whole.transpose(1, 2), first, tangent_D))
        self._jvp.append(bound_batch_product(whole.transpose(1, 2), tangent_first, tangent_D, add=True))

        self._double_backward.append(bound_batch_product(first, H.transpose(1, 2), adjoint_whole))
        self._double_backward.append(bound_batch_product(tangent_first, G.transpose(1, 2), adjoint_whole, add=True))
        self._double_backward.append(bound_batch_product(whole, H, adjoint_first, add=True))
        self._double_backward.append(bound_batch_product(tangent_whole, G, adjoint_first, add=True))
        self._double_backward += self._add_up(self.adjoint_C, (self.B, adjoint_A), (self.tangent_B, grad_A))


class FoldedSeE2APasses(ContractionPasses):
    """P = B^T A', of which the descriptor is C^T P, for layers that have C in their weights; A' as of `SeE2APasses`.

    Of C, only the columns of A' are used, and adjoint_C is not 0 in these alone.
    """

    @staticmethod
    def scale(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return polynomials * axes_of(part)

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = axes_of(part)
        P, tangent_P, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        rows = [self.B.new_empty(len(self.B), axes) for _ in range(4)]
        first, tangent_first, adjoint_first, grad_first = (self._by_atom(buffer) for buffer in rows)
        B, tangent_B, grad_B = (self._by_atom(buffer) for buffer in (self.B, self.tangent_B, self.grad_B))
        C = self._C[:, :, :axes]

        self._forward += self._contracted(self.B, C, rows[0])
        self._forward.append(bound_batch_product(B.transpose(1, 2), first, P))

        self._backward.append(bound_batch_product(B, G, grad_first))
        self._backward.append(bound_batch_product(first, G.transpose(1, 2), grad_B))
        self._backward += self._expanded(rows[3], C, add=True)

        self._jvp += self._contracted(self.tangent_B, C, rows[1])
        self._jvp.append(bound_batch_product(tangent_B.transpose(1, 2), first, tangent_P))
        self._jvp.append(bound_batch_product(B.transpose(1, 2), tangent_first, tangent_P, add=True))

        self._double_backward.append(bound_batch_product(B, H, adjoint_first))
        self._double_backward.append(bound_batch_product(tangent_B, G, adjoint_first, add=True))
        adjoint_C = self.adjoint_C[:, :, :axes]
        self._double_backward += self._add_up(adjoint_C, (self.B, rows[2]), (self.tangent_B, rows[3]))


class SeE2RPasses(ContractionPasses):
    """D = B C."""

    @staticmethod
    def scale(part: PairwiseDescriptor) -> float:
        return SCALE / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        self._forward += self._contracted(self.B, self._C, columns.D)
        self._backward += self._expanded(columns.grad_D, self._C)
        self._jvp += self._contracted(self.tangent_B, self._C, columns.tangent_D)
        self._double_backward += self._add_up(
            self.adjoint_C, (self.B, columns.adjoint_D), (self.tangent_B, columns.grad_D)
        )


Contraction = type[SeE2APasses] | type[FoldedSeE2APasses] | type[SeE2RPasses]


def contraction_passes(part: Descriptor) -> Contraction | None:
    """Return the passes of a descriptor, if it has them and no network of types."""
    kinds: dict[type, Contraction] = {SeE2A: SeE2APasses, SeE2R: SeE2RPasses}
    return kinds.get(type(part)) if isinstance(part, PairwiseDescriptor) and part.types is None else None


def axes_of(part: PairwiseDescriptor) -> int:
    """Columns of A'."""
    assert isinstance(part, SeE2A)
    return part.config.axis_neuron
