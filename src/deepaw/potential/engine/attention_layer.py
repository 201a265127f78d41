"""Attention layer in the span of its input features: forward and backward.

If the embeddings of neighbours are G = g Y with p < M features g, queries are g times a (p, hidden) matrix. Only dot
products and lengths of queries are needed, so coordinates in the span of that matrix are enough: p numbers instead of
`hidden`. The values, and G + O(W V), which is normalised, are reduced in the same way; the latter has at most 2 p
coordinates. The result is that of `deepaw.potential.descriptor.attention.AttentionLayer`, by exact linear algebra. The
first feature is 1, so that constants are rows of Y.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from deepaw.potential.descriptor.attention import SHIFT, SMALLEST_LENGTH, AttentionLayer
from deepaw.potential.engine.gates import Gates, Weights

MULTIPLE = 24
"""Features are padded with zeros to a multiple of this, which makes batched products twice as fast."""


@dataclass(frozen=True)
class SavedForBackward:
    """Intermediate values of `FoldedLayer.forward`.

    q, k, v: (n, slots, d), normalised to length 1 if the layer does so; k is followed by its components outside the
    span of q. lengths: of q, k and v before normalisation, (n, slots, 1) each. weights: attention weights.
    g_after: features after the layer, (n, slots, p'). inverse_sigma: (n, slots, 1).
    """

    q: Tensor
    k: Tensor
    v: Tensor
    lengths: tuple[Tensor, Tensor, Tensor] | None
    weights: Weights
    g_after: Tensor
    inverse_sigma: Tensor


class FoldedLayer:
    """One attention layer acting on features g of embeddings G = g Y.

    Y: (p, M), float64. size: (p,), typical magnitude of each feature.
    tolerance: coordinates smaller than this fraction of the largest are dropped.

    Attributes: input_size: p, padded. Y_after: (p', M), with G = g Y_after after the layer. size_after: (p',), typical
    magnitudes of the features after the layer.
    """

    def __init__(self, layer: AttentionLayer, Y: Tensor, size: Tensor, tolerance: float, dtype: torch.dtype) -> None:
        assert layer.into.b is not None and layer.out.b is not None
        self._normalize, self._factor, self._epsilon = layer.normalize, layer.factor, layer.epsilon
        self._width = Y.shape[1]
        into = Y @ layer.into.w
        into[0] += layer.into.b[0]
        Q, K, V = into.chunk(3, dim=1)
        weighted = size.unsqueeze(1)
        basis_Q, basis_V = span(weighted * Q, tolerance), span(weighted * V, tolerance)
        outside = K - (K @ basis_Q) @ basis_Q.T
        columns = [Q @ basis_Q, K @ basis_Q, V @ basis_V]
        if self._normalize and basis_Q.shape[1] < Q.shape[1]:
            largest = float(torch.linalg.matrix_norm(weighted * K, 2))
            columns.insert(2, outside @ span(weighted * outside, tolerance, largest))
        self.input_size = padded_size(len(Y))
        self._into = torch.cat([pad(column, self.input_size) for column in columns], dim=1).to(dtype)
        widths = [padded_size(column.shape[1]) for column in columns]
        self._sizes = [widths[0], sum(widths[1:-1]), widths[-1]]
        rows = torch.cat([Y, basis_V.T @ layer.out.w])
        rows[0] += layer.out.b[0]
        centred = rows - rows.mean(1, keepdim=True)
        value_size = torch.linalg.vector_norm(weighted * columns[-1], dim=0)
        if self._normalize:
            value_size /= torch.linalg.vector_norm(value_size)
        weighted = torch.cat([size, value_size]).unsqueeze(1)
        basis_z = span(weighted * centred, tolerance)
        # the first column is that of the constant feature 1 after the layer
        z = F.pad(centred @ basis_z, (1, 0))
        width = padded_size(z.shape[1])
        self._z_from_g = pad(z[: len(Y)], self.input_size, width).to(dtype)
        self._z_from_values = pad(z[len(Y) :], widths[-1], width).to(dtype)
        sigma = torch.linalg.vector_norm(weighted * z) * layer.scale.numel() ** -0.5
        self.size_after = torch.linalg.vector_norm(weighted * z, dim=0).div_(sigma)
        self.size_after[0] = 1
        self.Y_after = torch.cat([layer.shift.unsqueeze(0), basis_z.T * layer.scale])
        self._into_transposed, self._z_from_g_transposed, self._z_from_values_transposed = (
            matrix.T.contiguous() for matrix in (self._into, self._z_from_g, self._z_from_values)
        )

    def forward(self, g: Tensor, gates: Gates) -> tuple[Tensor, SavedForBackward]:
        """Compute the features (n, slots, p') after the layer from g (n, slots, p)."""
        q, k, v = (g @ self._into).split(self._sizes, dim=-1)
        lengths = None
        if self._normalize:
            (q, q_length), (k, k_length), (v, v_length) = _unit(q), _unit(k), _unit(v)
            lengths = q_length, k_length, v_length
        bound = self._factor + SHIFT if self._normalize else None
        weights = gates.weights(q, k[..., : self._sizes[0]], self._factor, bound)
        z = torch.addmm(
            g.flatten(0, 1) @ self._z_from_g, torch.bmm(weights.W, v).flatten(0, 1), self._z_from_values
        ).view(*g.shape[:2], -1)
        g_after, inverse_sigma = self._normalised(z)
        return g_after, SavedForBackward(q, k, v, lengths, weights, g_after, inverse_sigma)

    def forward_empty_slots(self, g: Tensor) -> Tensor:
        """Compute the features (n, p') of empty slots after the layer from g (n, p); empty slots attend to none."""
        return self._normalised(g @ self._z_from_g)[0]

    def _normalised(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z / sigma with its first column set to 1, in the memory of z, and 1 / sigma."""
        variance = torch.linalg.vector_norm(z, dim=-1, keepdim=True).square_().div_(self._width)
        inverse_sigma = variance.add_(self._epsilon).rsqrt_()
        g_after = z.mul_(inverse_sigma)
        g_after[..., 0] = 1
        return g_after, inverse_sigma

    def backward(self, grad_after: Tensor, saved: SavedForBackward, gates: Gates) -> Tensor:
        """Compute dE/dg before the layer from that after it, which is overwritten; `gates` accumulates its own."""
        grad_after[..., 0] = 0
        along = (grad_after * saved.g_after).sum(-1, keepdim=True)
        grad_z = grad_after.addcmul_(saved.g_after, along, value=-1 / self._width).mul_(saved.inverse_sigma)
        grad_attended = grad_z @ self._z_from_values_transposed
        grad_weights = torch.bmm(grad_attended, saved.v.transpose(1, 2))
        grad_v = torch.bmm(saved.weights.W.transpose(1, 2), grad_attended)
        grad_logits = gates.backward(grad_weights, saved.weights)
        width = self._sizes[0]
        grad_q = torch.bmm(grad_logits, saved.k[..., :width]).mul_(self._factor)
        grad_k = torch.bmm(grad_logits.transpose(1, 2), saved.q).mul_(self._factor)
        if self._sizes[1] > width:
            grad_k = F.pad(grad_k, (0, self._sizes[1] - width))
        if saved.lengths is not None:
            vectors = zip((grad_q, grad_k, grad_v), (saved.q, saved.k, saved.v), saved.lengths, strict=True)
            grad_q, grad_k, grad_v = (_unit_vjp(grad_unit, unit, length) for grad_unit, unit, length in vectors)
        grad_qkv = torch.cat([grad_q, grad_k, grad_v], dim=-1)
        n, slots = grad_qkv.shape[:2]
        grad_g = grad_z.flatten(0, 1) @ self._z_from_g_transposed
        return grad_g.addmm_(grad_qkv.flatten(0, 1), self._into_transposed).view(n, slots, -1)


def span(rows: Tensor, tolerance: float, scale: float | None = None) -> Tensor:
    """Return orthonormal columns (width, r) that span rows (n, width).

    Directions of singular values below tolerance times `scale`, by default the largest singular value, are dropped.
    """
    _, S, Vh = torch.linalg.svd(rows, full_matrices=False)
    least = tolerance * (float(S[0]) if scale is None else scale)
    return Vh[: max(1, int((least < S).sum()))].T


def padded_size(size: int) -> int:
    """Round up to the next multiple of `MULTIPLE`."""
    return -(-size // MULTIPLE) * MULTIPLE


def pad(matrix: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """Pad a matrix with zeros at the end; the default number of columns is the `padded_size` of its columns."""
    columns = padded_size(matrix.shape[1]) if columns is None else columns
    return F.pad(matrix, (0, columns - matrix.shape[1], 0, rows - len(matrix)))


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x / |x| and |x|, along the last axis."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_(min=SMALLEST_LENGTH)
    return x / length, length


def _unit_vjp(grad_unit: Tensor, unit: Tensor, length: Tensor) -> Tensor:
    """Compute the gradient of x from that of x / |x|."""
    along = (grad_unit * unit).sum(-1, keepdim=True)
    return torch.addcmul(grad_unit, unit, along, value=-1).div_(length)
