"""Spectral representation of networks of one variable as linear maps on a fixed basis of polynomials.

`docs/spectral.md` explains it. In short: a smooth f: [a, b] -> R^M (an embedding net of s(r), the hidden layer of a
radial MLP) is f(x) = Phi(x) C with K Chebyshev polynomials Phi and C = V^-1 f(nodes). The network is evaluated at K
nodes and not for every pair of atoms; sums over pairs are taken before the product with C; gradients reach the weights
through C.
"""

from deepaw.spectral.chebyshev import ChebyshevBasis
from deepaw.spectral.reduced import ReducedBasis, reduce_basis
from deepaw.spectral.table import Table

__all__ = ["ChebyshevBasis", "ReducedBasis", "Table", "reduce_basis"]
