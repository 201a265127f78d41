"""Products of matrices by OpenBLAS, on processors for which torch's own library does not use AVX-512.

The library that torch multiplies by, MKL, has AVX-512 for Intel's processors alone; on others OpenBLAS is faster by
half in float64 and by twice in float32. The library is a private copy, so that settings of other packages do not apply.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # as in cblas.h


class OpenBLAS:
    """C interface of OpenBLAS, on the calling thread.

    Threads of the library would wait for each other at every product, very long where other programs keep a core busy.
    """

    def __init__(self, library: Path) -> None:
        """Load the library; raises OSError if that fails."""
        with _environment(OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="SkylakeX"):  # read as it is loaded
            blas = ctypes.CDLL(str(library))
        integer, address = ctypes.c_int, ctypes.c_void_p
        self._gemm, self._gemm_batch = {}, {}
        for dtype, letter, real in ((torch.float64, "d", ctypes.c_double), (torch.float32, "s", ctypes.c_float)):
            gemm = self._gemm[dtype] = getattr(blas, f"scipy_cblas_{letter}gemm")
            gemm.argtypes = [*[integer] * 6, real, address, integer, address, integer, real, address, integer]
            gemm_batch = self._gemm_batch[dtype] = getattr(blas, f"scipy_cblas_{letter}gemm_batch_strided")
            operands = [address, integer, integer] * 2
            gemm_batch.argtypes = [*[integer] * 6, real, *operands, real, address, integer, integer, integer]
            gemm.restype = gemm_batch.restype = None

    def multiply(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> None:
        """Compute out = a @ b, or out += a @ b if `add`, for matrices or batches of matrices.

        All are of one type, float32 or float64; the rows of out are contiguous.
        """
        if out.numel():
            function, arguments, _ = self._call(a, b, out, add)
            function(*arguments)

    def bound(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> Callable[[], object]:
        """Return a function that calls `multiply` with these tensors; arguments are prepared once, here."""
        if out.numel() == 0:
            return partial(self.multiply, a, b, out, add=add)
        function, arguments, operands = self._call(a, b, out, add)
        if operands[0] is not a or operands[1] is not b:
            return partial(self.multiply, a, b, out, add=add)
        call = partial(function, *arguments)
        call.operands = (*operands, out)  # type: ignore[attr-defined]  # memory that has to live as long as the call
        return call

    def _call(self, a: Tensor, b: Tensor, out: Tensor, add: bool) -> tuple[Any, tuple[Any, ...], tuple[Tensor, Tensor]]:
        """Return the function of the library, its arguments, and a and b in the layout that it takes."""
        (m, n), k = out.shape[-2:], a.shape[-1]
        a, a_order, a_stride = _with_layout(a)
        b, b_order, b_stride = _with_layout(b)
        out_stride = max(out.stride(-2), n)
        sizes = (_ROWS, a_order, b_order, m, n, k, 1.0)
        if out.ndim == 2:
            operands = (a.data_ptr(), a_stride, b.data_ptr(), b_stride, float(add), out.data_ptr(), out_stride)
            return self._gemm[out.dtype], (*sizes, *operands), (a, b)
        left, right = (a.data_ptr(), a_stride, a.stride(0)), (b.data_ptr(), b_stride, b.stride(0))
        result = (float(add), out.data_ptr(), out_stride, out.stride(0), len(out))
        return self._gemm_batch[out.dtype], (*sizes, *left, *right, *result), (a, b)


@cache
def find_openblas() -> OpenBLAS | None:
    """Return the library if it is installed and faster than torch's on this processor."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or sys.platform != "linux":
        return None
    if "GenuineIntel" in Path("/proc/cpuinfo").read_text():
        return None
    package = find_spec("scipy_openblas32")  # to import it would load the library, with settings of others
    if package is None or package.origin is None:
        return None
    try:
        return OpenBLAS(Path(package.origin).with_name("lib") / "libscipy_openblas.so")
    except (OSError, AttributeError):  # another platform's, or other names inside
        return None


def _with_layout(a: Tensor) -> tuple[Tensor, int, int]:
    """Return a, copied unless rows or columns are contiguous, the order of its layout, and the leading dimension."""
    rows, columns = a.shape[-2:]
    row_stride, column_stride = a.stride()[-2:]
    if (column_stride == 1 or columns == 1) and (row_stride >= columns or rows == 1):
        return a, _PLAIN, max(row_stride, columns)
    if (row_stride == 1 or rows == 1) and (column_stride >= rows or columns == 1):
        return a, _TRANSPOSED, max(column_stride, rows)
    return a.contiguous(), _PLAIN, columns


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables inside the block."""
    previous = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
