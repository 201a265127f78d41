"""Products of matrices by the fastest library at hand, without graphs."""

from __future__ import annotations

import torch
from torch import Tensor

_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of matrices."""
    return _by_onednn(a, b, None) if _is_for_onednn(a) else a @ b


def add_product(c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """c + a @ b, c being a matrix or one row."""
    if not _is_for_onednn(a):
        return torch.addmm(c, a, b)
    return _by_onednn(a, b, c.view(-1)) if c.shape[0] == 1 else _by_onednn(a, b, None).add_(c)


def transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """a^T @ b."""
    # oneDNN copies what is transposed on the left: the narrower one, here
    return _by_onednn(b.t(), a, None).t().contiguous() if _is_for_onednn(a) else a.t() @ b


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
