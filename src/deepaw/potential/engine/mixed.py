"""The kernels of `se_atten`: those without attention layers, and which it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.engine.attention import attention_kernels
from deepaw.potential.engine.folding import Fold, fitting_basis, fold
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.pairs import Kept, PairKernel
from deepaw.potential.engine.precision import Budget
from deepaw.potential.engine.typed import split_off_type, with_type
from deepaw.spectral import ChebyshevBasis


@dataclass(frozen=True)
class _KeptFading(Kept):
    """fade, fade_slope: (n, slots), the switch function w and dw/dr."""

    fade: Tensor
    fade_slope: Tensor


class FadingKernel(PairKernel):
    """Moments of all neighbours, and those with w of each type: `deepaw.potential.descriptor.fading`.

    The projections of the former come first.
    """

    def __init__(self, part: SeAtten, kind: int, basis: ChebyshevBasis, folded: Fold, dtype: torch.dtype) -> None:
        super().__init__(part, kind, basis, folded, dtype)
        self._protection = part.config.env_protection

    def there(self, vector: Tensor, distance: Tensor, widths: list[int], count: Tensor) -> tuple[Tensor, _KeptFading]:
        """As of the base."""
        n = len(count)
        rows, slope, ratio, bend, inverse, s = self._rows(vector, distance)
        phi, phi_inside = self._polynomials(s)
        reach = distance + self._protection
        fade, fade_slope = s * reach, (slope + ratio) * reach
        both = torch.cat([rows, rows * fade])
        plain, Q = vector.new_zeros(n * 4, self._basis.size), vector.new_zeros(n * 4, self._functions)
        empty = torch.full((n, 1, 1), self._part.nnei, dtype=Q.dtype)
        first = 0
        for t, width in enumerate(widths):
            last = first + width
            if not self._excluded[t]:
                B = torch.bmm(both[:, :, first:last].transpose(0, 1), phi[:, :, first:last].permute(1, 2, 0))
                plain += B[:, :4].reshape(n * 4, -1)
                Q += B[:, 4:].reshape(n * 4, -1) @ self._there[t + 1]
                empty -= width  # those left over are among the moments, as neighbours at the cutoff
            elif self._part.fixed_slots:
                empty -= count[:, t, None, None]
            first = last
        Q += plain @ self._there[0]
        Q = Q.view(n, 4, -1) + empty * self._empty[0]
        features = torch.bmm(Q.transpose(1, 2), Q[:, :, : self._axes]).flatten(1)
        kept = _KeptFading(Q, vector, inverse, slope, ratio, bend, rows, phi, phi_inside, widths, fade, fade_slope)
        return features, kept

    def _of_slots(self, of_Q: Tensor, kept: Kept) -> Tensor:
        """dE/dr of every slot from dE/dQ."""
        assert isinstance(kept, _KeptFading)
        n, K = len(of_Q), self._basis.size
        g = [(of_Q.reshape(n * 4, -1) @ back).view(n, 4, 2, K) for back in self._back]
        for each in g:
            each[:, :, 0] *= self._scale
        parts = []
        for t, (phi, inside) in enumerate(
            zip(kept.phi.split(kept.widths, 2), kept.phi_inside.split(kept.widths, 2), strict=True)
        ):
            if self._excluded[t]:
                parts.append(of_Q.new_zeros(n, 16, kept.widths[t]))
                continue
            both = torch.cat([g[0], g[t + 1]], dim=1).view(n, 16, K)
            part = torch.bmm(both, phi.transpose(0, 1))
            if kept.phi is not kept.phi_inside:
                part[:, 1::2] = torch.bmm(both[:, 1::2], inside.transpose(0, 1))
            parts.append(part)
        plain, faded = torch.cat(parts, dim=2).view(n, 2, 4, 2, -1).unbind(1)
        UV = torch.addcmul(plain, faded, kept.fade[:, None, None])
        unscaled = faded[:, :, 0].transpose(0, 1) / self._scale.unsqueeze(2)
        return self._of_vectors(UV, kept, (kept.rows * unscaled).sum(0).mul_(kept.fade_slope))


def mixed_kernels(part: SeAtten, shortest: float, weights: Sequence[Tensor], budget: Budget) -> list[Kernel] | None:
    """One for each type of centre: `deepaw.potential.engine.registry`."""
    if len(part.attention):
        return attention_kernels(part, shortest, weights, budget)
    basis = fitting_basis(part, part.largest(shortest), budget.tolerance)
    made = FadingKernel if part.config.fades_types else PairKernel
    kernels: list[Kernel] = []
    for kind, of_kind in enumerate(weights):
        own, of_type = split_off_type(part.types, of_kind)
        kernel = made(part, kind, basis, fold(part, kind, basis, own, budget.tolerance), budget.dtype)
        kernels.append(with_type(kernel, part.types, kind, of_type))
    return kernels
