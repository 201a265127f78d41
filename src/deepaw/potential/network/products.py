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

_HAS_BFLOAT16 = torch.cpu._is_avx512_bf16_supported()

_LARGEST = 15
"""Operands in float16 are scaled to below 2^15; the largest number of that type is nearly 2^16."""


def product(
    a: Tensor, b: Tensor, compute: torch.dtype | None = None, *, out: Tensor | None = None, add: bool = False
) -> Tensor:
    """a @ b of matrices; written to `out`, whose rows are in one piece, or, where `add`, added to it."""
    if out is None:
        out = a.new_empty(a.shape[0], b.shape[1])
    if compute is not None:
        found = _rounded(a, b, compute)
        return out.add_(found) if add else out.copy_(found)
    if (blas := _library(out)) is not None:
        blas.multiply(a, b, out, add=add)
        return out
    return torch.addmm(out, a, b, out=out) if add else torch.mm(a, b, out=out)


def batch_product(a: Tensor, b: Tensor, *, out: Tensor | None = None, add: bool = False) -> Tensor:
    """The same of each of the matrices a (n, ...) and b (n, ...)."""
    if out is None:
        out = a.new_empty(len(a), a.shape[1], b.shape[2])
    if (blas := _library(out)) is not None:
        blas.multiply(a, b, out, add=add)
        return out
    return torch.baddbmm(out, a, b, out=out) if add else torch.bmm(a, b, out=out)


def bound_product(
    a: Tensor, b: Tensor, out: Tensor, compute: torch.dtype | None = None, *, add: bool = False
) -> Callable[[], object]:
    """`product` of these tensors, of what they hold whenever it is called, without looking at them every time."""
    if compute is None and (blas := _library(out)) is not None:
        return blas.bound(a, b, out, add=add)
    return partial(product, a, b, compute, out=out, add=add)


def bound_batch_product(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> Callable[[], object]:
    """The same of `batch_product`."""
    if (blas := _library(out)) is not None:
        return blas.bound(a, b, out, add=add)
    return partial(batch_product, a, b, out=out, add=add)


def _library(out: Tensor) -> OpenBLAS | None:
    """What is to multiply, other than torch."""
    return find_openblas() if out.device.type == "cpu" and out.dtype in (torch.float32, torch.float64) else None


def _rounded(a: Tensor, b: Tensor, compute: torch.dtype) -> Tensor:
    if compute == torch.float16:
        a_power, b_power = _power(a), _power(b)
        return _of_rounded((a * a_power).to(compute), (b * b_power).to(compute)).div_(a_power).div_(b_power)
    return _of_rounded(a.to(compute), b.to(compute))


def _power(a: Tensor) -> Tensor:
    """The power of two that brings the largest number of a matrix near the end of float16's range.

    Gradients are often below what float16 can hold; this way no loss has to be scaled.
    """
    exponent = torch.frexp(a.abs().amax()).exponent
    return torch.ldexp(a.new_ones(()), (_LARGEST - exponent).clamp(-100, 100))


def _of_rounded(a: Tensor, b: Tensor) -> Tensor:
    if a.device.type == "cuda":
        return torch.mm(a, b, out_dtype=torch.float32)
    if a.dtype == torch.bfloat16 and _HAS_BFLOAT16:
        return (a @ b).float()
    return product(a.float(), b.float())
