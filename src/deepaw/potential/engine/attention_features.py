"""What the first attention layer is given: embeddings G of neighbours as f Y, with few functions f of s and w."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.engine.attention_layer import fill, span
from deepaw.spectral import ChebyshevBasis


class EmbeddedFeatures:
    """For centres of type `kind`; functions that matter less than the tolerance are left out.

    project: for each type of neighbour (K, r), of polynomials; where types fade out, those of net(s), then of
    w net(s) type_net, as `SeAtten.coefficients` has them. Y: (r, M), float64. size: (r,), about how large each function
    is.
    """

    def __init__(self, part: SeAtten, kind: int, basis: ChebyshevBasis, tolerance: float, dtype: torch.dtype) -> None:
        self._basis, self._fades = basis, part.config.fades_types
        C = part.coefficients(basis)[kind]
        nodes = ChebyshevBasis(basis.low, basis.high, 2 * basis.size).nodes()
        R = torch.linalg.qr(basis.values(nodes))[1]
        functions = torch.cat([R @ of_type for of_type in C.split(basis.size)])
        self.Y = span(functions, tolerance).T
        U = functions @ self.Y.T
        self.project = [torch.linalg.solve_triangular(R, of_type, upper=True) for of_type in U.split(basis.size)]
        self.size = torch.linalg.vector_norm(U, dim=0) / (len(nodes) * len(self.project)) ** 0.5
        signs = torch.tensor(basis.row_signs(), dtype=torch.float64)[:, None]
        derivative = basis.differentiation()
        # the features, the first of them 1, and their slopes
        columns = [F.pad(P, (1, 0)) for P in self.project]
        self._columns = [
            (signs * torch.cat([fill(P, len(P)), fill(derivative @ P, len(P))], dim=1)).to(dtype) for P in columns
        ]

    def __call__(self, s: Tensor, w: Tensor, edges: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Features of all slots (n * slots, p), the first of which is 1, and their slopes in s and, where types fade
        out, in w.

        s, w: (n, slots). edges: the first slot of each type and that after its last.
        """
        phi = self._basis.rows(s.clamp(max=self._basis.high))
        parts = []
        for t, (first, last) in enumerate(edges):
            columns = torch.cat([self._columns[0], self._columns[t + 1]], dim=1) if self._fades else self._columns[t]
            parts.append(phi[:, :, first:last].permute(1, 2, 0) @ columns)
        every = torch.cat(parts, dim=1).flatten(0, 1)
        beyond = (s - self._basis.high).clamp_(min=0).view(-1, 1)
        f, of_s, *faded = every.chunk(4 if self._fades else 2, dim=1)
        of_w = None
        if self._fades:
            w = w.reshape(-1, 1)
            of_w = torch.addcmul(faded[0], faded[1], beyond)
            f, of_s = torch.addcmul(f, faded[0], w), torch.addcmul(of_s, faded[1], w)
        f = torch.addcmul(f, of_s, beyond)
        f[:, 0] = 1
        return f, of_s, of_w
