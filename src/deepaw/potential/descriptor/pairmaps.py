"""From the gradient in moments of pairs to that in positions, and the transpose: linear maps, for given positions.

With Phi the polynomials of s = h (r + protection), e = r / |r|, R the rows of the descriptor and g = dE/dB:

    U_a = Phi g_a / dstd_a,  V_a = Phi' g_a,  u = (U_1, U_2, U_3),
    dE/dr = [ds/dr (U_0 + R.V) + bend (u.e)] e + h u.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from deepaw.potential.descriptor.geometry import PairGeometry
from deepaw.potential.network.products import batch_product, product


class PairMaps:
    """`Maps` of `PairGeometry`.

    keeps: whether memory for what comes in between is kept for the next call, and results are overwritten by it; then
    only one thread may use them at a time.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self._kept: dict[str, Tensor] | None = {} if keeps else None

    def gradient(self, geometry: PairGeometry, g: Tensor) -> Tensor:
        """dE/dr of every slot, (natoms, 3, slots)."""
        n, components, ntypes, K = g.shape
        slots = geometry.neighbour.shape[1]
        both = self._take("both", g, n, 2 * components, ntypes, K)
        torch.mul(g, geometry.scale[:, :, None, None], out=both[:, :components])
        of_phi = self._take("of_phi", g, n * components * ntypes, K)
        product(g.reshape(-1, K), geometry.derivative.t(), out=of_phi)
        both[:, components:] = of_phi.view(g.shape)
        UV = self._take("UV", g, 2 * components, n, slots).transpose(0, 1)
        for kind, (phi, columns) in enumerate(zip(geometry.phi, UV.split(geometry.widths, dim=2), strict=True)):
            batch_product(both[:, :, kind], phi, out=columns)
        U, V = UV[:, :components], UV[:, components:]
        along = self._dot("along", geometry.rows, V)
        if components > 1:
            along += U[:, 0]
        along *= geometry.slope
        pairs = self._take("pairs", g, 3, n, slots)
        unit = geometry.unit.transpose(0, 1)
        if components == 1:
            torch.mul(unit, along, out=pairs)
        else:
            u = U[:, 1:]
            along.addcmul_(geometry.bend, self._dot("radial", u, geometry.unit))
            torch.mul(unit, along, out=pairs).addcmul_(u.transpose(0, 1), geometry.ratio)
        return pairs.transpose(0, 1)

    def tangent(self, geometry: PairGeometry, shift: Tensor) -> Tensor:
        """dB for displacements of the neighbours in every slot, (natoms, 3, slots): the transpose of `gradient`."""
        n, components, slots = geometry.rows.shape
        ntypes, K = len(geometry.phi), geometry.phi[0].shape[1]
        along = self._dot("along", geometry.unit, shift)
        both = self._take("UV", along, 2 * components, n, slots).transpose(0, 1)
        ds = torch.mul(geometry.slope, along, out=self._take("ds", along, n, slots))
        torch.mul(geometry.rows, ds.unsqueeze(1), out=both[:, components:])
        if components == 1:
            both[:, 0] = 0
        else:
            torch.mul(ds, geometry.scale[:, :1], out=both[:, 0])
            turned = both[:, 1:components]
            torch.mul(geometry.unit, along.mul_(geometry.bend).unsqueeze(1), out=turned)
            turned.addcmul_(shift, geometry.ratio.unsqueeze(1)).mul_(geometry.scale[:, 1:, None])
        dB = self._take("both", along, n, 2 * components, ntypes, K)
        for kind, (phi, columns) in enumerate(zip(geometry.phi, both.split(geometry.widths, dim=2), strict=True)):
            batch_product(columns, phi.transpose(1, 2), out=dB[:, :, kind])
        result = self._take("result", along, n, components, ntypes, K)
        result.copy_(dB[:, :components])
        of_phi = self._take("of_phi", along, n * components * ntypes, K)
        of_phi.view(result.shape).copy_(dB[:, components:])
        product(of_phi, geometry.derivative, out=result.view(-1, K), add=True)
        return result

    def _dot(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        """sum_c a_c b_c of (n, c, slots), (n, slots)."""
        found = torch.mul(a[:, 0], b[:, 0], out=self._take(name, a, a.shape[0], a.shape[2]))
        for one, other in zip(a.unbind(1)[1:], b.unbind(1)[1:], strict=True):
            found.addcmul_(one, other)
        return found

    def _take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        if self._kept is None:
            return like.new_empty(shape)
        size = prod(shape)
        kept = self._kept.get(name)
        if kept is None or len(kept) < size:
            kept = self._kept[name] = like.new_empty(size)
        return kept[:size].view(shape)
