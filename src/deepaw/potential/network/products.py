"""Products of matrices by the fastest library at hand, without graphs.

With a type `compute`, float16 or bfloat16, operands in float32 are rounded to it; sums are in float32, and so are the
results. Where the processor has instructions for bfloat16, results are rounded to that as well, as its library does.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
_HAS_BFLOAT16 = _ONEDNN is not None and torch.cpu._is_avx512_bf16_supported()

_LARGEST = 15
"""Operands in float16 are scaled to below 2^15; the largest number of that type is nearly 2^16."""


def product(a: Tensor, b: Tensor, compute: torch.dtype | None = None) -> Tensor:
    """a @ b of matrices."""
    if compute is not None:
        return _rounded(a, b, compute)
    return _by_onednn(a, b, None) if _is_for_onednn(a) else a @ b


def add_product(c: Tensor, a: Tensor, b: Tensor, compute: torch.dtype | None = None) -> Tensor:
    """c + a @ b, c being a matrix or one row."""
    if compute is not None:
        return _rounded(a, b, compute).add_(c)
    if not _is_for_onednn(a):
        return torch.addmm(c, a, b)
    return _by_onednn(a, b, c.view(-1)) if c.shape[0] == 1 else _by_onednn(a, b, None).add_(c)


def transposed_product(a: Tensor, b: Tensor, out: Tensor, compute: torch.dtype | None = None) -> None:
    """out = a^T @ b."""
    if compute is not None:
        out.copy_(_rounded(b.t(), a, compute).t())
    elif _is_for_onednn(a):
        out.copy_(_by_onednn(b.t(), a, None).t())  # what is transposed on the left is copied: the narrower one, here
    else:
        torch.mm(a.t(), b, out=out)


def _is_for_onednn(a: Tensor) -> bool:
    # torch multiplies by MKL, which uses half of the vector width of AMD's processors; oneDNN has no float64
    return _ONEDNN is not None and a.dtype == torch.float32 and a.device.type == "cpu"


def _by_onednn(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    assert _ONEDNN is not None
    transposed = b.t()
    if not (b.is_contiguous() or transposed.is_contiguous()):
        transposed = transposed.contiguous()  # it is very slow for anything else
    result: Tensor = _ONEDNN(a, transposed, bias, "none", [], "")
    return result


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
        return _by_onednn(a, b, None).float()
    return product(a.float(), b.float())
