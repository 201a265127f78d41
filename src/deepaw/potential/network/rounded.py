"""Products of matrices whose operands are rounded, differentiable any number of times."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepaw.potential.network.products import product


def rounded_product(a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
    """Compute a @ b of matrices in float32 by `product` with `compute`, as are the products in its derivatives."""
    result: Tensor = _RoundedProduct.apply(a, b, compute)
    return result


class _RoundedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.compute = compute
        return product(a, b, compute)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        needs_grad_a, needs_grad_b = ctx.needs_input_grad[:2]
        return (
            rounded_product(gradient, b.t(), ctx.compute) if needs_grad_a else None,
            rounded_product(a.t(), gradient, ctx.compute) if needs_grad_b else None,
            None,
        )
