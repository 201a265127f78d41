"""Attention among the neighbours of an atom: Zhang et al., DPA-1, arXiv 2208.08236, eqs. 9-13, with smooth weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepaw.potential.network.layer import Layer

SHIFT = 20.0
"""Smooth weights of a neighbour at the cutoff, and of an empty slot, are exp(-SHIFT) before normalisation."""

SMALLEST_LENGTH = 1e-12
"""Smallest length that vectors are divided by in normalisation."""


class AttentionLayer(nn.Module):
    """G' = LayerNorm(G + O(W V)), with Q, K, V, O linear and W_jk = softmax_k(a Q_j . K_k) [e_j . e_k].

    Smooth weights, with w the switch function of a neighbour's distance: the argument of the softmax is
    (a Q_j . K_k + 20) w_j w_k - 20 and the result is multiplied by w_j w_k. The denominator of the softmax includes all
    empty slots, where w is 0. Without smooth weights it is the sum over the neighbours alone.

    Parameters: weights of the linear maps; scale, shift (M,) of the normalisation, buffers where they are not trained.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        width: int,
        hidden: int,
        *,
        angles: bool,
        normalize: bool,
        factor: float,
        smooth: bool,
        trainable_norm: bool,
        epsilon: float,
        dtype: torch.dtype = torch.float64,
        generator: torch.Generator | None = None,
    ) -> None:
        """width: M. hidden: width of Q, K and V. angles: whether W has the factor e_j . e_k. normalize: whether Q, K, V
        have length 1. factor: a. epsilon: added to variances in the normalisation."""
        super().__init__()
        self.hidden = hidden
        self.angles, self.normalize, self.factor, self.smooth = angles, normalize, factor, smooth
        self.epsilon = epsilon
        self.into = Layer(width, 3 * hidden, activation="none", dtype=dtype, generator=generator)
        self.out = Layer(hidden, width, activation="none", dtype=dtype, generator=generator)
        for name, value in (("scale", torch.ones(width, dtype=dtype)), ("shift", torch.zeros(width, dtype=dtype))):
            if trainable_norm:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def forward(self, G: Tensor, filled: Tensor, w: Tensor, direction: Tensor, slots: int) -> Tensor:
        """Compute G' (n, width, M) from G (n, width, M).

        filled: whether there is a neighbour, (n, width) bool. w: (n, width), 0 without a neighbour. direction: e,
        (n, width, 3). slots: number of slots of an atom, filled or empty, which may be less than `width`.
        """
        Q, K, V = (x.view(*G.shape[:2], self.hidden) for x in self._linear(self.into, G).chunk(3, dim=-1))
        if self.normalize:
            Q, K, V = (F.normalize(x, dim=-1, eps=SMALLEST_LENGTH) for x in (Q, K, V))
        logits = self.factor * torch.bmm(Q, K.transpose(1, 2))
        if self.smooth:
            w_pair = w.unsqueeze(2) * w.unsqueeze(1)
            logits = (logits + SHIFT) * w_pair - SHIFT
            largest = logits.detach().amax(dim=2, keepdim=True).clamp(min=-SHIFT)
            weights = torch.exp(logits - largest)
            empty_sum = (slots - G.shape[1]) * torch.exp(-SHIFT - largest)
            weights = weights / (weights.sum(dim=2, keepdim=True) + empty_sum) * w_pair
        else:
            # an atom without neighbours has any finite weights, which are masked below
            keys = filled | ~filled.any(dim=1, keepdim=True)
            weights = torch.softmax(logits.masked_fill(~keys.unsqueeze(1), float("-inf")), dim=2)
            weights = weights.masked_fill(~filled.unsqueeze(2), 0.0)
        if self.angles:
            weights = weights * torch.bmm(direction, direction.transpose(1, 2))
        return self._normalised(G + self._linear(self.out, torch.bmm(weights, V)))

    def forward_empty(self, G: Tensor) -> Tensor:
        """Compute G' (n, M) of empty slots, for which W = 0, from their G (n, M)."""
        assert self.out.b is not None
        return self._normalised(G + self.out.b)

    def _linear(self, layer: Layer, x: Tensor) -> Tensor:
        result: Tensor = layer(x.reshape(-1, x.shape[-1]))
        return result.view(*x.shape[:-1], result.shape[-1])

    def _normalised(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.scale.to(x.dtype), self.shift.to(x.dtype), self.epsilon)
