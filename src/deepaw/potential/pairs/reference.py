"""Pair operator by PyTorch: the reference, for any device and without a compiler."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.neighbours.switch import switch, switch_derivative
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.pairs.form import PairForm
from deepaw.potential.pairs.operator import PairOperator
from deepaw.spectral import ChebyshevBasis


@dataclass(frozen=True)
class _Pairs:
    """Neighbours of one type in slots, (n, slots), with zeros in slots left over.

    pair: index of the pair in the table, for those slots of the mask `filled`. R: rows, (n, components, slots).
    T: polynomials of s cut at the end of the basis, (n, slots, K). beyond: max(q - 1, 0) of q = 2 s / high - 1.
    unit: r / |r|, (3, n, slots). slope: ds/dr, ratio: h = s / (r + protection), bend: r dh/dr, w, w_slope: the switch
    function and dw/dr.
    """

    pair: Tensor
    filled: Tensor
    R: Tensor
    T: Tensor
    beyond: Tensor
    unit: Tensor
    slope: Tensor
    ratio: Tensor
    bend: Tensor
    w: Tensor
    w_slope: Tensor

    def in_slots(self, per_pair: Tensor) -> Tensor:
        """Spread rows of numbers of pairs, (3, npairs), over the slots, (3, n, slots)."""
        if per_pair.shape[1] == 0:
            return per_pair.new_zeros(3, *self.pair.shape)
        return per_pair[:, self.pair.view(-1)].view(3, *self.pair.shape) * self.filled


class TorchPairOperator(PairOperator):
    """Moments and their derivatives as batched products over the neighbours of each type."""

    def __init__(self, form: PairForm, dtype: torch.dtype) -> None:
        super().__init__(form, dtype)
        K = form.basis.size
        self._polynomials = ChebyshevBasis(-1.0, 1.0, K)
        self._derivative = form.basis.differentiation().to(dtype)
        # T_k beyond the end of the basis is 1 + k^2 (q - 1)
        self._lines = torch.arange(K, dtype=torch.float64).square().to(dtype)

    def forward(self, table: NeighbourTable, out: Tensor | None = None) -> Tensor:
        form = self.form
        moments = self._constants(table)
        for kind in range(form.ntypes):
            pairs = self._pairs(table, kind)
            B = self._moments(pairs.R, pairs)
            if form.fading:
                moments[:, :, 0] += B
                moments[:, :, 1 + kind] += self._moments(pairs.R * pairs.w.unsqueeze(1), pairs)
            else:
                moments[:, :, kind] += B
        return moments if out is None else out.view_as(moments).copy_(moments)

    def vjp(self, table: NeighbourTable, grad_moments: Tensor, out: Tensor | None = None) -> Tensor:
        form = self.form
        grad_moments = grad_moments.reshape(table.natoms, *form.shape)
        scale = form.scale.to(table.vector)[table.types]
        result = torch.zeros_like(table.vector, memory_format=torch.contiguous_format) if out is None else out
        for kind in range(form.ntypes):
            pairs = self._pairs(table, kind)
            U, V = self._products(grad_moments[:, :, 1 + kind if form.fading else kind], pairs)
            radial = torch.zeros_like(pairs.w)
            if form.fading:
                radial = (pairs.R * U).sum(1) * pairs.w_slope
                plain_U, plain_V = self._products(grad_moments[:, :, 0], pairs)
                fade = pairs.w.unsqueeze(1)
                U, V = plain_U + fade * U, plain_V + fade * V
            grad_s = (pairs.R * V).sum(1)
            u = (U * scale.unsqueeze(2))[:, 1:].transpose(0, 1)
            if form.components > 1:
                grad_s = grad_s + U[:, 0] * scale[:, :1]
            radial = radial + pairs.slope * grad_s
            if form.components > 1:
                radial = radial + pairs.bend * (u * pairs.unit).sum(0)
            gradient = pairs.unit * radial
            if form.components > 1:
                gradient = gradient + pairs.ratio * u
            result[:, pairs.pair[pairs.filled]] += gradient[:, pairs.filled]
        return result

    def jvp(self, table: NeighbourTable, tangent_vector: Tensor, out: Tensor | None = None) -> Tensor:
        form = self.form
        scale = form.scale.to(table.vector)[table.types]
        moments = table.vector.new_zeros(table.natoms, *form.shape)
        for kind in range(form.ntypes):
            pairs = self._pairs(table, kind)
            tangent = pairs.in_slots(tangent_vector)
            tangent_r = (pairs.unit * tangent).sum(0)
            tangent_s = pairs.slope * tangent_r
            tangent_R = torch.zeros_like(pairs.R)
            if form.components > 1:
                tangent_R[:, 0] = tangent_s * scale[:, :1]
                tangent_raw = pairs.unit * (pairs.bend * tangent_r) + pairs.ratio * tangent
                tangent_R[:, 1:] = tangent_raw.transpose(0, 1) * scale[:, 1:, None]
            R_tangent_s = pairs.R * tangent_s.unsqueeze(1)
            plain = self._moments(tangent_R, pairs) + R_tangent_s @ pairs.T @ self._derivative.to(R_tangent_s.device)
            if form.fading:
                fade = pairs.w.unsqueeze(1)
                faded_R = fade * tangent_R + pairs.R * (pairs.w_slope * tangent_r).unsqueeze(1)
                faded = (fade * R_tangent_s) @ pairs.T @ self._derivative.to(R_tangent_s.device)
                moments[:, :, 0] += plain
                moments[:, :, 1 + kind] += self._moments(faded_R, pairs) + faded
            else:
                moments[:, :, kind] += plain
        return moments if out is None else out.view_as(moments).copy_(moments)

    def _moments(self, R: Tensor, pairs: _Pairs) -> Tensor:
        """Compute sum_j R_j T_k(s_j), (n, components, K), with straight lines beyond the basis."""
        lines = (R * pairs.beyond.unsqueeze(1)).sum(2, keepdim=True) * self._lines.to(R.device)
        return R @ pairs.T + lines

    def _products(self, grad_B: Tensor, pairs: _Pairs) -> tuple[Tensor, Tensor]:
        """Compute U = sum_k T_k g_ck and V = sum_k T_k' g_ck of every slot, (n, components, slots)."""
        transposed = pairs.T.transpose(1, 2)
        lines = grad_B @ self._lines.to(grad_B.device)
        U = grad_B @ transposed + lines.unsqueeze(2) * pairs.beyond.unsqueeze(1)
        V = (grad_B @ self._derivative.to(grad_B.device).T) @ transposed
        return U, V

    def _constants(self, table: NeighbourTable) -> Tensor:
        """Return the moments of empty slots and of excluded neighbours, (natoms, components, groups, K)."""
        form = self.form
        device = table.types.device
        excluded = form.excluded.to(device)[table.types]
        counts = table.counts.double()
        hidden = counts * excluded if form.fixed_slots else torch.zeros_like(counts)
        empty = form.slots.to(device) - torch.where(excluded, hidden, counts)
        added = torch.einsum("it,ick->ictk", empty, form.empty.to(device)[table.types])
        added += torch.einsum("it,ick->ictk", hidden, form.hidden.to(device)[table.types])
        if form.fading:
            added = torch.cat([added.sum(2, keepdim=True), torch.zeros_like(added)], dim=2)
        return added.to(self.dtype)

    def _pairs(self, table: NeighbourTable, kind: int) -> _Pairs:
        """Lay out the neighbours of one type, without excluded ones."""
        form, device = self.form, table.types.device
        rows = table.rows[:-1].view(table.natoms, table.ntypes)[:, kind]
        count = table.counts[:, kind].masked_fill(form.excluded.to(device)[table.types, kind], 0)
        slot = torch.arange(int(count.max()) if len(count) else 0, device=device)
        filled = slot < count.unsqueeze(1)
        pair = (rows.unsqueeze(1) + slot).masked_fill(~filled, 0)
        vector = table.vector.index_select(1, pair.view(-1)).view(3, *pair.shape)
        far = torch.zeros_like(vector)
        far[0] = 2 * form.rcut
        vector = torch.where(filled, vector, far)
        r = torch.linalg.vector_norm(vector, dim=0)
        w, w_slope = switch(r, form.rcut_smth, form.rcut), switch_derivative(r, form.rcut_smth, form.rcut)
        reach = 1 / (r + form.protection)
        s, h = w * reach, w * reach**2
        q = 2 * s / form.basis.high - 1
        inside = q.clamp(max=1)
        mean, scale = (values.to(vector)[table.types].unsqueeze(2) for values in (form.mean, form.scale))
        R = torch.ones_like(s).unsqueeze(1)
        if form.components > 1:
            R = (torch.cat([s.unsqueeze(1), (vector * h).transpose(0, 1)], dim=1) - mean) * scale
        return _Pairs(
            pair=pair,
            filled=filled,
            R=R * filled.unsqueeze(1),
            T=self._polynomials.values(inside),
            beyond=q - inside,
            unit=vector / r,
            slope=w_slope * reach - h,
            ratio=h,
            bend=r * (w_slope * reach**2 - 2 * h * reach),
            w=w,
            w_slope=w_slope,
        )
