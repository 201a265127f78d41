"""Products of matrices by the fastest library at hand, without graphs.

With a type `compute`, float16 or bfloat16, operands in float32 are rounded to it; sums are in float32, and so are the
results. Where the processor has instructions for bfloat16, results are rounded to that as well, as its library does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from deepaw.potential.network.openblas import OpenBLAS, find_openblas

Calls = list[Callable[[], object]]
"""Operations that are bound to their tensors."""

_HAS_BFLOAT16 = torch.cpu._is_avx512_bf16_supported()

_LARGEST_EXPONENT = 15
"""Operands in float16 are scaled to below 2^15; the largest number of that type is nearly 2^16."""


def product(
    a: Tensor, b: Tensor, compute: torch.dtype | None = None, *, out: Tensor | None = None, add: bool = False
) -> Tensor:
    """Compute a @ b of matrices, written to `out`, whose rows are contiguous, or added to it if `add`."""
    if out is None:
        out = a.new_empty(a.shape[0], b.shape[1])
    if compute is not None:
        result = _rounded_product(a, b, compute)
        return out.add_(result) if add else out.copy_(result)
    if (blas := _openblas_for(out)) is not None:
        blas.multiply(a, b, out, add=add)
        return out
    return torch.addmm(out, a, b, out=out) if add else torch.mm(a, b, out=out)


def batch_product(a: Tensor, b: Tensor, *, out: Tensor | None = None, add: bool = False) -> Tensor:
    """Compute a[i] @ b[i] of batches of matrices, a (n, ...) and b (n, ...); out, add: as in `product`."""
    if out is None:
        out = a.new_empty(len(a), a.shape[1], b.shape[2])
    if (blas := _openblas_for(out)) is not None:
        blas.multiply(a, b, out, add=add)
        return out
    return torch.baddbmm(out, a, b, out=out) if add else torch.bmm(a, b, out=out)


def bound_product(
    a: Tensor, b: Tensor, out: Tensor, compute: torch.dtype | None = None, *, add: bool = False
) -> Callable[[], object]:
    """Return a function that computes `product` of the tensors' values at the time of the call; arguments are checked
    once, here."""
    if compute is None and (blas := _openblas_for(out)) is not None:
        return blas.bound(a, b, out, add=add)
    return partial(product, a, b, compute, out=out, add=add)


def bound_batch_product(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> Callable[[], object]:
    """Return a function that computes `batch_product` of the tensors' values at the time of the call."""
    if (blas := _openblas_for(out)) is not None:
        return blas.bound(a, b, out, add=add)
    return partial(batch_product, a, b, out=out, add=add)


def _openblas_for(out: Tensor) -> OpenBLAS | None:
    """Return OpenBLAS if it is to multiply, or None for torch."""
    return find_openblas() if out.device.type == "cpu" and out.dtype in (torch.float32, torch.float64) else None


def _rounded_product(a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
    if compute == torch.float16:
        a_scale, b_scale = _float16_scale(a), _float16_scale(b)
        return _float32_product((a * a_scale).to(compute), (b * b_scale).to(compute)).div_(a_scale).div_(b_scale)
    return _float32_product(a.to(compute), b.to(compute))


def _float16_scale(a: Tensor) -> Tensor:
    """Return the power of two that brings the largest number of a matrix near the end of float16's range.

    Gradients are often below the range of float16; with this factor no loss has to be scaled.
    """
    exponent = torch.frexp(a.abs().amax()).exponent
    return torch.ldexp(a.new_ones(()), (_LARGEST_EXPONENT - exponent).clamp(-100, 100))


def _float32_product(a: Tensor, b: Tensor) -> Tensor:
    """Compute a @ b of matrices in float16 or bfloat16, with a result in float32."""
    if a.device.type == "cuda":
        return torch.mm(a, b, out_dtype=torch.float32)
    if a.dtype == torch.bfloat16 and _HAS_BFLOAT16:
        return (a @ b).float()
    return product(a.float(), b.float())
