"""The part of the work that is done for every neighbour: moments out of vectors, forces out of their gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.engine.folding import Fold, fitting_basis, fold
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.precision import Budget
from deepaw.potential.engine.typed import split_off_type, with_type
from deepaw.potential.network.products import batch_product, product
from deepaw.spectral import ChebyshevBasis


@dataclass(frozen=True)
class Kept:
    """What the way back needs of the way there. Polynomials phi beyond the basis's range go on as straight lines."""

    Q: Tensor
    vector: Tensor
    inverse: Tensor
    slope: Tensor
    ratio: Tensor
    bend: Tensor
    rows: Tensor
    phi: Tensor
    phi_inside: Tensor
    widths: list[int]


class PairKernel(Kernel):
    """Moments of a basis of s, of a descriptor that embeds one neighbour at a time.

    The equations are those of `deepaw.potential.descriptor.geometry` and `forces`; arrays have the atoms of a tile and
    their slots last, so that each operation runs along them.
    """

    def __init__(
        self, part: PairwiseDescriptor, kind: int, basis: ChebyshevBasis, fold: Fold, dtype: torch.dtype
    ) -> None:
        self._part, self._kind, self._basis, self._dtype = part, kind, basis, dtype
        self._components = part.components
        self._functions, self._axes = fold.project[0].shape[1], fold.axes
        self.weights, self.directions = fold.weights, fold.directions
        self.size = FoldSize(basis.size, self._functions, len(fold.weights), part.width)
        signs = torch.tensor(basis.row_signs(), dtype=torch.float64)[:, None]
        derivative = basis.differentiation()
        self._there = [(signs * P).to(dtype) for P in fold.project]
        self._back = [
            torch.stack([(signs * P).T, (signs * (derivative @ P)).T], dim=1).flatten(1).to(dtype).contiguous()
            for P in fold.project
        ]
        self._scale = (1 / part.dstd[kind]).unsqueeze(1).to(dtype)
        self._shift = (-part.davg[kind] / part.dstd[kind]).tolist()
        types = torch.tensor([kind])
        one, none = torch.ones(1, len(fold.project)), torch.zeros(1, len(fold.project))
        empty = part.constant_moments(types, one, none, basis)[0]
        hidden = part.constant_moments(types, none, one, basis)[0]
        self._empty = [(empty[:, t] @ P).to(dtype) for t, P in enumerate(fold.project)]
        self._hidden = [(hidden[:, t] @ P).to(dtype) for t, P in enumerate(fold.project)]
        self._slots = part.slots_by_type
        self._excluded = part.excluded[kind].tolist()
        self._differentiate = (signs * derivative * signs.T).T.to(dtype).contiguous()

    def there(self, vector: Tensor, distance: Tensor, widths: list[int], count: Tensor) -> tuple[Tensor, Kept]:
        """Q^T Q[:, :axes], or Q itself where axes is 0, of Q (n, components, functions)."""
        part, n = self._part, len(count)
        rows, slope, ratio, bend, inverse, s = self._rows(vector, distance)
        phi, phi_inside = self._polynomials(s)
        Q = vector.new_zeros(n, self._components, self._functions)
        first = 0
        for t, width in enumerate(widths):
            last = first + width
            if self._excluded[t]:
                hidden = count[:, t, None, None].to(Q) if part.fixed_slots else Q.new_zeros(1, 1, 1)
                Q += (self._slots[t] - hidden) * self._empty[t] + hidden * self._hidden[t]
            else:
                B = batch_product(rows[:, :, first:last].transpose(0, 1), phi[:, :, first:last].permute(1, 2, 0))
                product(B.flatten(0, 1), self._there[t], out=Q.view(-1, self._functions), add=True)
                Q += (self._slots[t] - width) * self._empty[t]
            first = last
        features = batch_product(Q.transpose(1, 2), Q[:, :, : self._axes]) if self._axes else Q
        return features.flatten(1), Kept(Q, vector, inverse, slope, ratio, bend, rows, phi, phi_inside, widths)

    def _polynomials(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """phi (K, n, slots), straight lines beyond the range, and those of s cut at its end."""
        phi_inside = phi = self._basis.rows(s.clamp(max=self._basis.high))
        if float(s.max() if s.numel() else 0.0) > self._basis.high:
            steepness = (self._differentiate @ phi.flatten(1)).view_as(phi)
            phi = torch.addcmul(phi, steepness, (s - self._basis.high).clamp(min=0))
        return phi, phi_inside

    def _rows(self, vector: Tensor, distance: Tensor) -> tuple[Tensor, ...]:
        """Normalised rows (components, n, slots), and of each slot ds/dr, h, r dh/dr, 1/r and s."""
        config = self._part.config
        width = config.rcut - config.rcut_smth
        inverse = distance.reciprocal()
        reach = inverse if config.env_protection == 0 else (distance + config.env_protection).reciprocal()
        x = ((distance - config.rcut_smth) * (1 / width)).clamp_(0, 1)
        square = x * x
        w = ((-6 * x).add_(15).mul_(x).sub_(10)).mul_(square).mul_(x).add_(1)
        dw = (x - 1).mul_(x).square_().mul_(-30 / width)
        s = w * reach
        ratio = s * reach
        slope = torch.addcmul(-ratio, dw, reach)
        if self._components == 1:
            return torch.ones_like(s).unsqueeze(0), slope, ratio, ratio, inverse, s
        # r dh/dr with h = w / r'^2
        bend = (dw - 2 * s).mul_(reach).mul_(reach).mul_(distance)
        rows = vector.new_empty(4, *s.shape)
        torch.mul(s, self._scale[0], out=rows[0]).add_(self._shift[0])
        for axis in range(3):
            torch.mul(vector[axis], ratio, out=rows[axis + 1])
            rows[axis + 1].mul_(self._scale[axis + 1]).add_(self._shift[axis + 1])
        return rows, slope, ratio, bend, inverse, s

    def vectors(self, kept: Kept) -> Tensor:
        """All but the first row of Q."""
        return kept.Q[:, 1:].transpose(1, 2)

    def back(self, gradient: Tensor, kept: Kept, of_vectors: Tensor | None = None) -> Tensor:
        """From features to Q, and from there."""
        of_Q = self._of_moments(gradient, kept.Q)
        if of_vectors is not None:
            of_Q[:, 1:] += of_vectors.transpose(1, 2)
        return self._of_slots(of_Q, kept)

    def _of_slots(self, of_Q: Tensor, kept: Kept) -> Tensor:
        """dE/dr of every slot from dE/dQ."""
        return self._of_vectors(self._functions_of_slots(of_Q, kept), kept)

    def _of_vectors(self, UV: Tensor, kept: Kept, more: Tensor | None = None) -> Tensor:
        """dE/dr of every slot from U over dstd and V; more: (n, slots), what else there is along the vector."""
        along = (kept.rows * UV[:, :, 1].transpose(0, 1)).sum(0)
        if self._components == 1:
            return kept.vector * along.mul_(kept.slope).mul_(kept.inverse)
        u = UV[:, 1:, 0].transpose(0, 1)
        turned = (kept.vector * u).sum(0).mul_(kept.bend).mul_(kept.inverse)
        along.add_(UV[:, 0, 0]).mul_(kept.slope).add_(turned)
        if more is not None:
            along.add_(more)
        along.mul_(kept.inverse)
        return torch.addcmul(kept.vector * along, u, kept.ratio)

    def _of_moments(self, gradient: Tensor, Q: Tensor) -> Tensor:
        """dE/dQ."""
        if not self._axes:
            return gradient.view_as(Q)
        G = gradient.view(len(Q), Q.shape[2], self._axes)
        result = batch_product(Q[:, :, : self._axes], G.transpose(1, 2))
        batch_product(Q, G, out=result[:, :, : self._axes], add=True)
        return result

    def _functions_of_slots(self, of_Q: Tensor, kept: Kept) -> Tensor:
        """U over dstd and V of every slot, (n, components, 2, slots): `deepaw.potential.descriptor.forces`."""
        n, components = of_Q.shape[:2]
        of_Q = of_Q.reshape(n * components, self._functions)
        UV = of_Q.new_empty(n, 2 * components, sum(kept.widths))
        pieces = (kept.phi.split(kept.widths, 2), kept.phi_inside.split(kept.widths, 2), UV.split(kept.widths, 2))
        for t, (back, phi, inside, columns) in enumerate(zip(self._back, *pieces, strict=True)):
            if self._excluded[t]:
                columns.zero_()
                continue
            g = product(of_Q, back).view(n, components, 2, self._basis.size)
            g[:, :, 0] *= self._scale
            g = g.view(n, 2 * components, -1)
            batch_product(g, phi.transpose(0, 1), out=columns)
            if kept.phi is not kept.phi_inside:
                columns[:, 1::2] = batch_product(g[:, 1::2], inside.transpose(0, 1))
        return UV.view(n, components, 2, -1)


def pair_kernels(
    part: PairwiseDescriptor, shortest: float, weights: Sequence[Tensor], budget: Budget
) -> list[Kernel] | None:
    """One for each type of centre: `deepaw.potential.engine.registry`."""
    basis = fitting_basis(part, part.largest(shortest), budget.tolerance)
    kernels: list[Kernel] = []
    for kind, of_kind in enumerate(weights):
        own, of_type = split_off_type(part.types, of_kind)
        kernel = PairKernel(part, kind, basis, fold(part, kind, basis, own, budget.tolerance), budget.dtype)
        kernels.append(with_type(kernel, part.types, kind, of_type))
    return kernels
