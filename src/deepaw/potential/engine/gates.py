"""What attention weights take of positions: w_j w_k and e_j . e_k for all pairs of neighbours of an atom.

The equations are those of `deepaw.potential.descriptor.attention.AttentionLayer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.attention import SHIFT

NONE = -1e30
"""Added to logits of what is no neighbour."""


@dataclass(frozen=True)
class Weights:
    """P: (n, slots, slots), the softmax. W: P times the gates. logits: of smooth attention, with the shift."""

    P: Tensor
    W: Tensor
    logits: Tensor


class Gates:
    """Of n atoms with as many slots each.

    w: (n, slots), the switch function of the neighbours, 0 in slots without one. e: (n, slots, 3), unit vectors.
    there: (n, slots), where a neighbour is. slots: of the descriptor.
    """

    def __init__(self, w: Tensor, e: Tensor, there: Tensor, slots: int, *, smooth: bool, angles: bool) -> None:
        self._w, self._e = w, e
        self._both = self._cosine = None
        self._of_both: Tensor | None = None
        self._of_cosine: Tensor | None = None
        self._others = slots - w.shape[1]
        if smooth:
            self._both = w.unsqueeze(2) * w.unsqueeze(1)
            self._bias = w.new_full((1, 1, 1), SHIFT)
        else:
            self._bias = torch.zeros_like(w).masked_fill_(~there, NONE).unsqueeze(1)
        if angles:
            self._cosine = torch.bmm(e, e.transpose(1, 2))
        given = [each for each in (self._both, self._cosine) if each is not None]
        self._gate = given[0] * given[1] if len(given) == 2 else given[0] if given else None

    def weights(self, q: Tensor, k: Tensor, factor: float, bound: float | None) -> Weights:
        """Of q and k (n, slots, d). bound: what logits cannot exceed with the shift, or None."""
        logits = torch.baddbmm(self._bias, q, k.transpose(1, 2), alpha=factor)
        if self._both is None:
            P = torch.softmax(logits, dim=2)
        else:
            P = logits * self._both
            # counted from an empty slot, which is exp(0) then
            below: Tensor | float = 1.0
            if bound is None or bound > 50:
                largest = P.amax(dim=2, keepdim=True).clamp_(min=0)
                P.sub_(largest)
                below = torch.exp(-largest)
            P.exp_()
            P.div_(P.sum(dim=2, keepdim=True).add_(self._others * below))
        return Weights(P, P if self._gate is None else P * self._gate, logits)

    def back(self, of_W: Tensor, weights: Weights) -> Tensor:
        """d/d(logits) from d/dW; what there is for the gates adds up until `gradient` is called."""
        of_gate = of_W * weights.P
        of_P = of_gate if self._gate is None else of_gate * self._gate
        result = of_P.addcmul(weights.P, of_P.sum(dim=2, keepdim=True), value=-1)
        if self._both is not None:
            self._of_both = _more(self._of_both, result, weights.logits)
            self._of_both = _more(self._of_both, of_gate, self._cosine)
            result *= self._both
        if self._cosine is not None:
            self._of_cosine = _more(self._of_cosine, of_gate, self._both)
        return result

    def gradient(self) -> tuple[Tensor | None, Tensor | None]:
        """dE/dw (n, slots) and dE/de (n, slots, 3), of all layers."""
        of_w = of_e = None
        if self._of_both is not None:
            w = self._w.unsqueeze(2)
            of_w = (torch.bmm(self._of_both, w) + torch.bmm(self._of_both.transpose(1, 2), w)).squeeze(2)
        if self._of_cosine is not None:
            of_e = torch.bmm(self._of_cosine, self._e) + torch.bmm(self._of_cosine.transpose(1, 2), self._e)
        self._of_both = self._of_cosine = None
        return of_w, of_e


def _more(total: Tensor | None, first: Tensor, second: Tensor | None) -> Tensor:
    """total + first * second, where there are any."""
    if total is None:
        return first.clone() if second is None else first * second
    return total.add_(first) if second is None else total.addcmul_(first, second)
