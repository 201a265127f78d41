"""Attention among the neighbours of an atom: Zhang et al., DPA-1, arXiv 2208.08236, eqs. 9-13, with smooth weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepaw.potential.network.layer import Layer

SHIFT = 20.0
"""Where smooth weights go at the cutoff: a neighbour there counts exp(-SHIFT), as an empty slot does."""

SMALLEST_LENGTH = 1e-12
"""Vectors shorter than this are divided by it where they are normalised."""


class AttentionLayer(nn.Module):
    """G' = LayerNorm(G + O(W V)), with Q, K, V, O linear and W_jk = softmax_k(a Q_j . K_k) [e_j . e_k].

    Smooth weights, with w the switch function of a neighbour's distance: the argument of the softmax is
    (a Q_j . K_k + 20) w_j w_k - 20 and the result is multiplied by w_j w_k. What the softmax divides by includes all
    empty slots, where w is 0. Without smooth weights it is the sum over the neighbours alone.

    Parameters: those of the linear maps; scale, shift (M,) of the normalisation, buffers where they are not trained.
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
        """width: M. hidden: of Q, K and V. angles: e_j . e_k is there. normalize: Q, K and V to length 1. factor: a.
        epsilon: added to variances where they divide."""
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

    def forward(self, G: Tensor, there: Tensor, w: Tensor, direction: Tensor, slots: int) -> Tensor:
        """G' (n, width, M) of G (n, width, M).

        there: (n, width) bool, where a neighbour is. w: (n, width), 0 where none is. direction: (n, width, 3), e.
        slots: of an atom, with or without a neighbour, which may be fewer than `width`.
        """
        Q, K, V = (x.view(*G.shape[:2], self.hidden) for x in self._linear(self.into, G).chunk(3, dim=-1))
        if self.normalize:
            Q, K, V = (F.normalize(x, dim=-1, eps=SMALLEST_LENGTH) for x in (Q, K, V))
        logits = self.factor * torch.bmm(Q, K.transpose(1, 2))
        if self.smooth:
            both = w.unsqueeze(2) * w.unsqueeze(1)
            logits = (logits + SHIFT) * both - SHIFT
            largest = logits.detach().amax(dim=2, keepdim=True).clamp(min=-SHIFT)
            weights = torch.exp(logits - largest)
            of_others = (slots - G.shape[1]) * torch.exp(-SHIFT - largest)
            weights = weights / (weights.sum(dim=2, keepdim=True) + of_others) * both
        else:
            # where there is no neighbour at all, any weights do
            keys = there | ~there.any(dim=1, keepdim=True)
            weights = torch.softmax(logits.masked_fill(~keys.unsqueeze(1), float("-inf")), dim=2)
            weights = weights.masked_fill(~there.unsqueeze(2), 0.0)
        if self.angles:
            weights = weights * torch.bmm(direction, direction.transpose(1, 2))
        return self._normalised(G + self._linear(self.out, torch.bmm(weights, V)))

    def of_empty(self, G: Tensor) -> Tensor:
        """G' (n, M) of empty slots, which attend to none, from their G (n, M)."""
        assert self.out.b is not None
        return self._normalised(G + self.out.b)

    def _linear(self, layer: Layer, x: Tensor) -> Tensor:
        result: Tensor = layer(x.reshape(-1, x.shape[-1]))
        return result.view(*x.shape[:-1], result.shape[-1])

    def _normalised(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.scale.to(x.dtype), self.shift.to(x.dtype), self.epsilon)
