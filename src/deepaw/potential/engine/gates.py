"""Gates of attention weights: w_j w_k and e_j . e_k for all pairs (j, k) of neighbours of an atom.

The equations are those of `deepaw.potential.descriptor.attention.AttentionLayer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.attention import SHIFT

MASKED_LOGIT = -1e30
"""Added to logits of slots without a neighbour."""


@dataclass(frozen=True)
class Weights:
    """Attention weights of n atoms.

    P: softmax, (n, slots, slots). W: P times the gates. logits: before the gates, plus the shift of smooth attention.
    """

    P: Tensor
    W: Tensor
    logits: Tensor


class Gates:
    """Gates of n atoms, for all attention layers; gradients of w and e accumulate over the layers.

    w: (n, slots), switch function of the neighbours, 0 in empty slots. e: (n, slots, 3), unit vectors.
    is_neighbour: (n, slots) bool. slots: number of slots of the descriptor.
    """

    def __init__(self, w: Tensor, e: Tensor, is_neighbour: Tensor, slots: int, *, smooth: bool, angles: bool) -> None:
        self._w, self._e = w, e
        self._switches = self._cosine = None
        self._grad_switches: Tensor | None = None
        self._grad_cosine: Tensor | None = None
        self._empty_slots = slots - w.shape[1]
        if smooth:
            self._switches = w.unsqueeze(2) * w.unsqueeze(1)
            self._bias = w.new_full((1, 1, 1), SHIFT)
        else:
            self._bias = torch.zeros_like(w).masked_fill_(~is_neighbour, MASKED_LOGIT).unsqueeze(1)
        if angles:
            self._cosine = torch.bmm(e, e.transpose(1, 2))
        factors = [factor for factor in (self._switches, self._cosine) if factor is not None]
        self._gate = factors[0] * factors[1] if len(factors) == 2 else factors[0] if factors else None

    def weights(self, q: Tensor, k: Tensor, factor: float, bound: float | None) -> Weights:
        """Compute the weights from q and k (n, slots, d).

        factor: of q . k. bound: upper bound of the logits with the shift, or None.
        """
        logits = torch.baddbmm(self._bias, q, k.transpose(1, 2), alpha=factor)
        if self._switches is None:
            P = torch.softmax(logits, dim=2)
        else:
            P = logits * self._switches
            # exponentials relative to that of an empty slot, exp(0), unless logits may overflow
            empty_term: Tensor | float = 1.0
            if bound is None or bound > 50:
                largest = P.amax(dim=2, keepdim=True).clamp_(min=0)
                P.sub_(largest)
                empty_term = torch.exp(-largest)
            P.exp_()
            P.div_(P.sum(dim=2, keepdim=True).add_(self._empty_slots * empty_term))
        return Weights(P, P if self._gate is None else P * self._gate, logits)

    def backward(self, grad_W: Tensor, weights: Weights) -> Tensor:
        """Compute dE/d(logits) from dE/dW, and accumulate the gradients of the gates, which `gradient` returns."""
        grad_gate = grad_W * weights.P
        grad_P = grad_gate if self._gate is None else grad_gate * self._gate
        grad_logits = grad_P.addcmul(weights.P, grad_P.sum(dim=2, keepdim=True), value=-1)
        if self._switches is not None:
            self._grad_switches = _accumulate(self._grad_switches, grad_logits, weights.logits)
            self._grad_switches = _accumulate(self._grad_switches, grad_gate, self._cosine)
            grad_logits *= self._switches
        if self._cosine is not None:
            self._grad_cosine = _accumulate(self._grad_cosine, grad_gate, self._switches)
        return grad_logits

    def gradient(self) -> tuple[Tensor | None, Tensor | None]:
        """Return dE/dw (n, slots) and dE/de (n, slots, 3), summed over all layers, and reset the sums."""
        grad_w = grad_e = None
        if self._grad_switches is not None:
            w = self._w.unsqueeze(2)
            grad_w = (torch.bmm(self._grad_switches, w) + torch.bmm(self._grad_switches.transpose(1, 2), w)).squeeze(2)
        if self._grad_cosine is not None:
            grad_e = torch.bmm(self._grad_cosine, self._e) + torch.bmm(self._grad_cosine.transpose(1, 2), self._e)
        self._grad_switches = self._grad_cosine = None
        return grad_w, grad_e


def _accumulate(total: Tensor | None, first: Tensor, second: Tensor | None) -> Tensor:
    """Add first * second to total; a total that is None counts as 0, a second that is None as 1."""
    if total is None:
        return first.clone() if second is None else first * second
    return total.add_(first) if second is None else total.addcmul_(first, second)
