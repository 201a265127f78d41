"""Products of operands that are rounded, differentiable any number of times."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepaw.potential.network.products import product


def rounded_product(a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
    """a @ b of matrices in float32, as `product` has it, and so are the products in its derivatives."""
    result: Tensor = _Rounded.apply(a, b, compute)
    return result


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.compute = compute
        return product(a, b, compute)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        of_a, of_b = ctx.needs_input_grad[:2]
        return (
            rounded_product(gradient, b.t(), ctx.compute) if of_a else None,
            rounded_product(a.t(), gradient, ctx.compute) if of_b else None,
            None,
        )
