"""Per-atom tensors ordered by weight: what matters little is kept and multiplied in bfloat16.

The radial basis is sorted by singular value, so the rows of a per-atom tensor shrink by orders of magnitude from first
to last. A relative error of 2^-8 in rows a hundred times smaller than the first is 4e-5 of the sum at worst, and
processors that multiply bfloat16 do so several times faster than float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LIGHT = 0.25
"""Time of a bfloat16 product in units of a float32 one, about."""


def rounds_fast(device: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 on a device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def heavy_rows(coefficients: Tensor, rounded: float) -> int:
    """How many leading rows of (K, functions) reach the fraction `rounded` of the largest; `rounded` 0 keeps all."""
    weight = coefficients.norm(dim=1)
    return int((weight >= rounded * weight.max()).sum())


def cost(size: int, heavy: int) -> float:
    """Time of a product with `size` rows of which `heavy` are not rounded, in units of one of these."""
    return heavy + LIGHT * (size - heavy)


@dataclass(frozen=True)
class WeightedTensor:
    """T (K, rows, columns) of one atom: `heavy` (s, rows, columns) as it is, `light` (K - s, ...) in bfloat16."""

    heavy: Tensor
    light: Tensor

    @classmethod
    def of(cls, tensor: Tensor, exact: int) -> WeightedTensor:
        """Split after `exact` basis functions."""
        return cls(tensor[:exact], tensor[exact:].bfloat16())

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.heavy.nbytes + self.light.nbytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, rows, columns)."""
        heavy, rows, columns = self.heavy.shape
        return heavy + len(self.light), rows, columns

    @property
    def cost(self) -> float:
        """That of a product with it."""
        return cost(self.shape[0], len(self.heavy))

    def copy(self) -> WeightedTensor:
        """The same in memory of its own."""
        return WeightedTensor(self.heavy.clone(), self.light.clone())

    def add_product(self, total: Tensor, factors: Tensor) -> None:
        """total (n, columns) += factors (n, K, rows) times T."""
        exact = len(self.heavy)
        total.addmm_(factors[:, :exact].flatten(1), self.heavy.flatten(0, 1))
        if len(self.light):
            total.add_(factors[:, exact:].flatten(1).bfloat16() @ self.light.flatten(0, 1))

    def mapped(self, matrix: Tensor) -> Tensor:
        """matrix (k, K) times T, (k, rows, columns)."""
        exact = len(self.heavy)
        result = matrix[:, :exact] @ self.heavy.flatten(1)
        if len(self.light):
            result.add_(matrix[:, exact:].bfloat16() @ self.light.flatten(1))
        return result.unflatten(1, self.heavy.shape[1:])
