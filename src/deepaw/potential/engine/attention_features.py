"""Input of the first attention layer: embeddings of neighbours G = f Y, with few functions f of s and w."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.engine.attention_layer import pad, span
from deepaw.spectral import ChebyshevBasis


class EmbeddedFeatures:
    """Functions f that span the embeddings of neighbours, for centres of type `kind`.

    Contributions below the tolerance are dropped.

    project: coefficients (K, r) of f on the spectral basis for each type of neighbour; if types fade out, those of
    net(s), then of w net(s) type_net, as in `SeAtten.coefficients`. Y: (r, M), float64. size: (r,), typical magnitude
    of each function.
    """

    def __init__(self, part: SeAtten, kind: int, basis: ChebyshevBasis, tolerance: float, dtype: torch.dtype) -> None:
        self._basis, self._fades = basis, part.config.fades_types
        C = part.coefficients(basis)[kind]
        nodes = ChebyshevBasis(basis.low, basis.high, 2 * basis.size).nodes()
        R = torch.linalg.qr(basis.values(nodes))[1]
        functions = torch.cat([R @ C_type for C_type in C.split(basis.size)])
        self.Y = span(functions, tolerance).T
        U = functions @ self.Y.T
        self.project = [torch.linalg.solve_triangular(R, U_type, upper=True) for U_type in U.split(basis.size)]
        self.size = torch.linalg.vector_norm(U, dim=0) / (len(nodes) * len(self.project)) ** 0.5
        signs = torch.tensor(basis.row_signs(), dtype=torch.float64)[:, None]
        derivative = basis.differentiation()
        # features, the first of which is 1, then their derivatives
        columns = [F.pad(P, (1, 0)) for P in self.project]
        self._columns = [
            (signs * torch.cat([pad(P, len(P)), pad(derivative @ P, len(P))], dim=1)).to(dtype) for P in columns
        ]

    def __call__(self, s: Tensor, w: Tensor, edges: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Compute f (n * slots, p) of all slots, the first of which is 1, df/ds and, if types fade out, df/dw.

        s, w: (n, slots). edges: slots first ... last - 1 of each type of neighbour.
        """
        phi = self._basis.rows(s.clamp(max=self._basis.high))
        parts = []
        for t, (first, last) in enumerate(edges):
            columns = torch.cat([self._columns[0], self._columns[t + 1]], dim=1) if self._fades else self._columns[t]
            parts.append(phi[:, :, first:last].permute(1, 2, 0) @ columns)
        values = torch.cat(parts, dim=1).flatten(0, 1)
        beyond = (s - self._basis.high).clamp_(min=0).view(-1, 1)
        f, df_ds, *faded = values.chunk(4 if self._fades else 2, dim=1)
        df_dw = None
        if self._fades:
            w = w.reshape(-1, 1)
            df_dw = torch.addcmul(faded[0], faded[1], beyond)
            f, df_ds = torch.addcmul(f, faded[0], w), torch.addcmul(df_ds, faded[1], w)
        f = torch.addcmul(f, df_ds, beyond)
        f[:, 0] = 1
        return f, df_ds, df_dw
