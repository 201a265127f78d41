"""`PairwiseDescriptor.coefficients`, and back to the gradient of the embedding nets' weights."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.embedding_passes import EmbeddingPasses
from deepaw.potential.network.passes import Calls
from deepaw.potential.network.products import bound_product
from deepaw.spectral import ChebyshevBasis


class CoefficientPasses:
    """`forward` and then `backward`, again and again, with the weights as they are then, in the same memory.

    C, adjoint_C: (ntypes, ntypes * K, M), coefficients of each type of centre times `scale`, and dJ/dC, for the caller to
    fill before `backward`.
    """

    def __init__(
        self, part: PairwiseDescriptor, basis: ChebyshevBasis, scale: float, gradients: Sequence[Tensor]
    ) -> None:
        """gradients: like the parameters of the embedding nets, what `backward` fills."""
        assert isinstance(part.nets, EmbeddingNets)
        self._nets = EmbeddingPasses(part.nets, part.inputs_at_nodes(basis), gradients)
        ntypes, K = part.ntypes, basis.size
        y, h = (each.view(ntypes, ntypes, K, -1) for each in (self._nets.y, self._nets.h))
        self.C, self.adjoint_C = (y.new_empty(ntypes, ntypes * K, y.shape[-1]) for _ in range(2))
        fitting = (scale * basis.fitting(y.device)).to(y.dtype)
        C, adjoint_C = (each.unflatten(1, (ntypes, K)) for each in (self.C, self.adjoint_C))
        pairs = [(other, centre) for other in range(ntypes) for centre in range(ntypes)]
        self._fit: Calls = [bound_product(fitting, y[pair], C[pair[::-1]]) for pair in pairs]
        self._back: Calls = [bound_product(fitting.t(), adjoint_C[pair[::-1]], h[pair]) for pair in pairs]

    def forward(self) -> None:
        """C, of the weights."""
        self._nets.forward()
        for call in self._fit:
            call()

    def backward(self) -> None:
        """dJ/d(weights), of adjoint_C."""
        for call in self._back:
            call()
        self._nets.backward()
