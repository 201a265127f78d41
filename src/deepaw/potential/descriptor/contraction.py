"""Passes through the contraction of moments B to descriptors D, for a loss of energies and of their gradients.

With G = dE/dD and H = dJ/dD, J as in `deepaw.potential.network.passes`. The reference is `contract` of the
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
from deepaw.potential.network.products import Calls, bound_batch_product, bound_product


class Columns(NamedTuple):
    """Descriptors D, (n, width), and their derivatives, which may be columns of larger matrices.

    values: D. tangent: derivative of D in the direction t. grad: dE/dD. adjoint: dJ/dD.
    """

    values: Tensor
    tangent: Tensor
    grad: Tensor
    adjoint: Tensor


class ContractionPasses(ABC):
    """Passes through B -> D for a batch of atoms sorted by type.

    Call `forward`, `backward`, `jvp`, `double_backward` in that order; buffers are reused between calls.

    B, tangent_B: moments and their tangents, (n * components, ntypes * K), for the caller to fill before `forward` and
    `jvp`. grad_B: dE/dB, like these. adjoint_C: dJ/dC, like C.
    """

    def __init__(self, part: PairwiseDescriptor, C: Tensor, counts: Sequence[int], columns: Columns) -> None:
        """C: coefficients of each type of centre times `scale`, (ntypes, ntypes * K, M). counts: atoms of each type.
        columns: `values` and `tangent` are results; `grad` and `adjoint` are for the caller to fill."""
        components, n = part.components, sum(counts)
        ends = accumulate((components * count for count in counts), initial=0)
        self._rows = [slice(*bounds) for bounds in pairwise(ends)]
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
        """Return the factor that coefficients are multiplied by."""

    @staticmethod
    @abstractmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        """Return the number of columns; polynomials: their number for all types of neighbours together."""

    @abstractmethod
    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        """Bind the products of each pass."""

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

    def _bind_contraction(self, B: Tensor, C: Tensor, out: Tensor) -> Calls:
        """Bind out = B C for each type."""
        return [bound_product(B[rows], C[kind], out[rows]) for kind, rows in self._types_with_atoms()]

    def _bind_expansion(self, grad_A: Tensor, C: Tensor, *, add: bool = False) -> Calls:
        """Bind dE/dB = dE/d(B C) C^T, or its addition to dE/dB if `add`, for each type."""
        return [
            bound_product(grad_A[rows], C[kind].t(), self.grad_B[rows], add=add)
            for kind, rows in self._types_with_atoms()
        ]

    def _bind_sum(self, out: Tensor, *factors: tuple[Tensor, Tensor]) -> Calls:
        """Bind out = dJ/dC, the sum of B^T A over factors (B, A): (B, dJ/d(B C)) and (tangent_B, dE/d(B C))."""
        return [
            bound_product(B[rows].t(), A[rows], out[kind], add=number > 0)
            for kind, rows in self._types_with_atoms()
            for number, (B, A) in enumerate(factors)
        ]

    def _types_with_atoms(self) -> list[tuple[int, slice]]:
        """Return the types that have atoms, and their rows."""
        return [(kind, rows) for kind, rows in enumerate(self._rows) if rows.start < rows.stop]

    def _by_atom(self, B: Tensor) -> Tensor:
        """View rows (n * components, columns) as (n, components, columns)."""
        return B.view(self._n, self._components, -1)


def _run(calls: Calls) -> None:
    for call in calls:
        call()


class SeE2APasses(ContractionPasses):
    """D = A^T A', A = B C, where A' is the first axis_neuron columns of A."""

    @staticmethod
    def scale(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = _axis_neuron(part)
        D, tangent_D, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        A, tangent_A, adjoint_A, grad_A = (self.B.new_empty(len(self.B), self._C.shape[2]) for _ in range(4))
        by_atom = [self._by_atom(rows) for rows in (A, tangent_A, adjoint_A, grad_A)]
        whole, tangent_whole, adjoint_whole, grad_whole = by_atom
        first, tangent_first, adjoint_first, grad_first = (rows[:, :, :axes] for rows in by_atom)

        self._forward += self._bind_contraction(self.B, self._C, A)
        self._forward.append(bound_batch_product(whole.transpose(1, 2), first, D))

        self._backward.append(bound_batch_product(first, G.transpose(1, 2), grad_whole))
        self._backward.append(bound_batch_product(whole, G, grad_first, add=True))
        self._backward += self._bind_expansion(grad_A, self._C)

        self._jvp += self._bind_contraction(self.tangent_B, self._C, tangent_A)
        self._jvp.append(bound_batch_product(tangent_whole.transpose(1, 2), first, tangent_D))
        self._jvp.append(bound_batch_product(whole.transpose(1, 2), tangent_first, tangent_D, add=True))

        self._double_backward.append(bound_batch_product(first, H.transpose(1, 2), adjoint_whole))
        self._double_backward.append(bound_batch_product(tangent_first, G.transpose(1, 2), adjoint_whole, add=True))
        self._double_backward.append(bound_batch_product(whole, H, adjoint_first, add=True))
        self._double_backward.append(bound_batch_product(tangent_whole, G, adjoint_first, add=True))
        self._double_backward += self._bind_sum(self.adjoint_C, (self.B, adjoint_A), (self.tangent_B, grad_A))


class FoldedSeE2APasses(ContractionPasses):
    """P = B^T A', for layers that have C multiplied into their weights: C^T P is the D of `SeE2APasses`, with its A'.

    Only those columns of C that A' needs are used; the other columns of adjoint_C are 0.
    """

    @staticmethod
    def scale(part: PairwiseDescriptor) -> float:
        return 1 / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return polynomials * _axis_neuron(part)

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        axes = _axis_neuron(part)
        P, tangent_P, G, H = (matrices.unflatten(1, (-1, axes)) for matrices in columns)
        rows = [self.B.new_empty(len(self.B), axes) for _ in range(4)]
        first, tangent_first, adjoint_first, grad_first = (self._by_atom(buffer) for buffer in rows)
        B, tangent_B, grad_B = (self._by_atom(buffer) for buffer in (self.B, self.tangent_B, self.grad_B))
        C = self._C[:, :, :axes]

        self._forward += self._bind_contraction(self.B, C, rows[0])
        self._forward.append(bound_batch_product(B.transpose(1, 2), first, P))

        self._backward.append(bound_batch_product(B, G, grad_first))
        self._backward.append(bound_batch_product(first, G.transpose(1, 2), grad_B))
        self._backward += self._bind_expansion(rows[3], C, add=True)

        self._jvp += self._bind_contraction(self.tangent_B, C, rows[1])
        self._jvp.append(bound_batch_product(tangent_B.transpose(1, 2), first, tangent_P))
        self._jvp.append(bound_batch_product(B.transpose(1, 2), tangent_first, tangent_P, add=True))

        self._double_backward.append(bound_batch_product(B, H, adjoint_first))
        self._double_backward.append(bound_batch_product(tangent_B, G, adjoint_first, add=True))
        adjoint_C = self.adjoint_C[:, :, :axes]
        self._double_backward += self._bind_sum(adjoint_C, (self.B, rows[2]), (self.tangent_B, rows[3]))


class SeE2RPasses(ContractionPasses):
    """D = B C."""

    @staticmethod
    def scale(part: PairwiseDescriptor) -> float:
        return SCALE / part.nnei

    @staticmethod
    def width(part: PairwiseDescriptor, polynomials: int) -> int:
        return part.width

    def _bind(self, part: PairwiseDescriptor, columns: Columns) -> None:
        self._forward += self._bind_contraction(self.B, self._C, columns.values)
        self._backward += self._bind_expansion(columns.grad, self._C)
        self._jvp += self._bind_contraction(self.tangent_B, self._C, columns.tangent)
        self._double_backward += self._bind_sum(
            self.adjoint_C, (self.B, columns.adjoint), (self.tangent_B, columns.grad)
        )


Contraction = type[SeE2APasses] | type[FoldedSeE2APasses] | type[SeE2RPasses]


def contraction_passes(part: Descriptor) -> Contraction | None:
    """Return the passes of a descriptor, or None where it has none, as with a type embedding."""
    kinds: dict[type, Contraction] = {SeE2A: SeE2APasses, SeE2R: SeE2RPasses}
    return kinds.get(type(part)) if isinstance(part, PairwiseDescriptor) and part.types is None else None


def _axis_neuron(part: PairwiseDescriptor) -> int:
    """Return the number of columns of A'."""
    assert isinstance(part, SeE2A)
    return part.config.axis_neuron
