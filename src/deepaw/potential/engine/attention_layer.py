"""An attention layer in the span of what it is given, there and back.

Where the G of neighbours are g Y, with p features g and p below M, queries are g times a p x hidden matrix. What
becomes of them are products of two and lengths, for which coordinates in the span of that matrix will do: p numbers
instead of `hidden`. The same holds for values, and for what is normalised: G + O(W V) has at most 2 p coordinates.
All of it is exact linear algebra of `deepaw.potential.descriptor.attention.AttentionLayer`. The first feature is 1, so
that constants are rows of Y.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.attention import SHIFT, SMALLEST_LENGTH, AttentionLayer
from deepaw.potential.engine.gates import Gates, Weights

MULTIPLE = 24
"""Features are filled up with zeros to a multiple of this: batched products are twice as fast."""


@dataclass(frozen=True)
class Kept:
    """What the way back needs: q, k and v, of length 1 if they are normalised, (n, slots, d), k with what is not in the
    span of q behind; their lengths (n, slots, 1); weights; the features after the layer, and 1 / sigma (n, slots, 1).
    """

    q: Tensor
    k: Tensor
    v: Tensor
    lengths: tuple[Tensor, Tensor, Tensor] | None
    weights: Weights
    after: Tensor
    inverse: Tensor


class FoldedLayer:
    """Y: (p, M), float64, what the features before are multiplied by. size: (p,), about how large each of these is.
    tolerance: coordinates that are below this part of the largest are left out.

    before: p, filled up. Y_after, size_after: what the features after it are multiplied by, and about how large they
    are.
    """

    def __init__(self, layer: AttentionLayer, Y: Tensor, size: Tensor, tolerance: float, dtype: torch.dtype) -> None:
        assert layer.into.b is not None and layer.out.b is not None
        self._normalize, self._factor, self._epsilon = layer.normalize, layer.factor, layer.epsilon
        self._width = Y.shape[1]
        into = Y @ layer.into.w
        into[0] += layer.into.b[0]
        Q, K, V = into.chunk(3, dim=1)
        weighted = size.unsqueeze(1)
        of_Q, of_V = span(weighted * Q, tolerance), span(weighted * V, tolerance)
        beside = K - (K @ of_Q) @ of_Q.T
        columns = [Q @ of_Q, K @ of_Q, V @ of_V]
        if self._normalize and of_Q.shape[1] < Q.shape[1]:
            largest = float(torch.linalg.matrix_norm(weighted * K, 2))
            columns.insert(2, beside @ span(weighted * beside, tolerance, largest))
        self.before = filled(len(Y))
        self._into = torch.cat([fill(each, self.before) for each in columns], dim=1).to(dtype)
        widths = [filled(each.shape[1]) for each in columns]
        self._sizes = [widths[0], sum(widths[1:-1]), widths[-1]]
        whole = torch.cat([Y, of_V.T @ layer.out.w])
        whole[0] += layer.out.b[0]
        centred = whole - whole.mean(1, keepdim=True)
        of_values = torch.linalg.vector_norm(weighted * columns[-1], dim=0)
        if self._normalize:
            of_values /= torch.linalg.vector_norm(of_values)
        weighted = torch.cat([size, of_values]).unsqueeze(1)
        of_z = span(weighted * centred, tolerance)
        # the column in front is where the features after it have their 1
        z = F.pad(centred @ of_z, (1, 0))
        width = filled(z.shape[1])
        self._of_before = fill(z[: len(Y)], self.before, width).to(dtype)
        self._of_attended = fill(z[len(Y) :], widths[-1], width).to(dtype)
        of_sigma = torch.linalg.vector_norm(weighted * z) * layer.scale.numel() ** -0.5
        self.size_after = torch.linalg.vector_norm(weighted * z, dim=0).div_(of_sigma)
        self.size_after[0] = 1
        self.Y_after = torch.cat([layer.shift.unsqueeze(0), of_z.T * layer.scale])
        self._into_back, self._of_before_back, self._of_attended_back = (
            each.T.contiguous() for each in (self._into, self._of_before, self._of_attended)
        )

    def forward(self, g: Tensor, gates: Gates) -> tuple[Tensor, Kept]:
        """Features (n, slots, p') after the layer, from those before it (n, slots, p)."""
        q, k, v = (g @ self._into).split(self._sizes, dim=-1)
        lengths = None
        if self._normalize:
            (q, of_q), (k, of_k), (v, of_v) = _unit(q), _unit(k), _unit(v)
            lengths = of_q, of_k, of_v
        bound = self._factor + SHIFT if self._normalize else None
        weights = gates.weights(q, k[..., : self._sizes[0]], self._factor, bound)
        z = torch.addmm(
            g.flatten(0, 1) @ self._of_before, torch.bmm(weights.W, v).flatten(0, 1), self._of_attended
        ).view(*g.shape[:2], -1)
        after, inverse = self._normalised(z)
        return after, Kept(q, k, v, lengths, weights, after, inverse)

    def of_empty(self, g: Tensor) -> Tensor:
        """Features (n, p') after the layer of empty slots, which attend to none, from those before it (n, p)."""
        return self._normalised(g @ self._of_before)[0]

    def _normalised(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z, which is overwritten, over sigma with a 1 in front, and 1 / sigma."""
        variance = torch.linalg.vector_norm(z, dim=-1, keepdim=True).square_().div_(self._width)
        inverse = variance.add_(self._epsilon).rsqrt_()
        after = z.mul_(inverse)
        after[..., 0] = 1
        return after, inverse

    def backward(self, gradient: Tensor, kept: Kept, gates: Gates) -> Tensor:
        """dE/dg before the layer from that after it, which is overwritten; tells the gates of theirs."""
        gradient[..., 0] = 0
        along = (gradient * kept.after).sum(-1, keepdim=True)
        of_z = gradient.addcmul_(kept.after, along, value=-1 / self._width).mul_(kept.inverse)
        of_attended = of_z @ self._of_attended_back
        of_weights = torch.bmm(of_attended, kept.v.transpose(1, 2))
        of_v = torch.bmm(kept.weights.W.transpose(1, 2), of_attended)
        of_logits = gates.back(of_weights, kept.weights)
        width = self._sizes[0]
        of_q = torch.bmm(of_logits, kept.k[..., :width]).mul_(self._factor)
        of_k = torch.bmm(of_logits.transpose(1, 2), kept.q).mul_(self._factor)
        if self._sizes[1] > width:
            of_k = F.pad(of_k, (0, self._sizes[1] - width))
        if kept.lengths is not None:
            both = zip((of_q, of_k, of_v), (kept.q, kept.k, kept.v), kept.lengths, strict=True)
            of_q, of_k, of_v = (_unit_back(of_unit, unit, length) for of_unit, unit, length in both)
        of_all = torch.cat([of_q, of_k, of_v], dim=-1)
        n, slots = of_all.shape[:2]
        result = of_z.flatten(0, 1) @ self._of_before_back
        return result.addmm_(of_all.flatten(0, 1), self._into_back).view(n, slots, -1)


def span(rows: Tensor, tolerance: float, scale: float | None = None) -> Tensor:
    """Orthonormal columns (width, r) that span rows (n, width), without those of singular values below a part of the
    largest, or of `scale`."""
    _, S, Vh = torch.linalg.svd(rows, full_matrices=False)
    least = tolerance * (float(S[0]) if scale is None else scale)
    return Vh[: max(1, int((least < S).sum()))].T


def filled(size: int) -> int:
    """The next multiple of `MULTIPLE`."""
    return -(-size // MULTIPLE) * MULTIPLE


def fill(matrix: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """With zeros behind; by default as many columns as are `filled`."""
    columns = filled(matrix.shape[1]) if columns is None else columns
    return F.pad(matrix, (0, columns - matrix.shape[1], 0, rows - len(matrix)))


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_(min=SMALLEST_LENGTH)
    return x / length, length


def _unit_back(of_unit: Tensor, unit: Tensor, length: Tensor) -> Tensor:
    along = (of_unit * unit).sum(-1, keepdim=True)
    return torch.addcmul(of_unit, unit, along, value=-1).div_(length)
