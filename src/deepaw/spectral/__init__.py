"""The idea both halves stand on: a network of one variable is a small linear map on a fixed basis.

`docs/spectral.md` explains it. In short: a smooth f: [a, b] -> R^M (an embedding net of s(r), the hidden layer of a
radial MLP) is f(x) = Phi(x) C with K Chebyshev polynomials Phi and C = V^-1 f(nodes). The network runs at K nodes and
not at every pair of atoms; what it multiplies can be summed first; gradients reach its weights through C.
"""

from deepaw.spectral.chebyshev import ChebyshevBasis
from deepaw.spectral.reduced import ReducedBasis, reduce_basis
from deepaw.spectral.table import Table

__all__ = ["ChebyshevBasis", "ReducedBasis", "Table", "reduce_basis"]
