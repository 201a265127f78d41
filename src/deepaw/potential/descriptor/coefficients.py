"""Passes from the weights of embedding nets to `PairwiseDescriptor.coefficients`, and backward to their gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.embedding_passes import EmbeddingPasses
from deepaw.potential.network.products import Calls, bound_product
from deepaw.spectral import ChebyshevBasis


class CoefficientPasses:
    """Forward and backward through C = scale V^-1 G(nodes), for a loss J.

    Call `forward`, then `backward`; they read the weights at the time of the call, and buffers are reused.

    C: coefficients for each type of centre, (ntypes, ntypes * K, M), result of `forward`.
    adjoint_C: dJ/dC, (ntypes, ntypes * K, M), for the caller to fill before `backward`.
    """

    def __init__(
        self, part: PairwiseDescriptor, basis: ChebyshevBasis, scale: float, gradients: Sequence[Tensor]
    ) -> None:
        """scale: factor of the coefficients. gradients: memory for dJ/d(weights), like the parameters of the nets."""
        assert isinstance(part.nets, EmbeddingNets)
        self._nets = EmbeddingPasses(part.nets, part.inputs_at_nodes(basis), gradients)
        ntypes, K = part.ntypes, basis.size
        y, adjoint_y = (values.view(ntypes, ntypes, K, -1) for values in (self._nets.y, self._nets.adjoint_y))
        self.C, self.adjoint_C = (y.new_empty(ntypes, ntypes * K, y.shape[-1]) for _ in range(2))
        fitting = (scale * basis.fitting(y.device)).to(y.dtype)
        C, adjoint_C = (coefficients.unflatten(1, (ntypes, K)) for coefficients in (self.C, self.adjoint_C))
        pairs = [(neighbour, centre) for neighbour in range(ntypes) for centre in range(ntypes)]
        self._fit: Calls = [bound_product(fitting, y[pair], C[pair[::-1]]) for pair in pairs]
        self._fit_transposed: Calls = [
            bound_product(fitting.t(), adjoint_C[pair[::-1]], adjoint_y[pair]) for pair in pairs
        ]

    def forward(self) -> None:
        """Compute C."""
        self._nets.forward()
        for call in self._fit:
            call()

    def backward(self) -> None:
        """Compute dJ/d(weights) from dJ/dC."""
        for call in self._fit_transposed:
            call()
        self._nets.backward()
