"""Products of matrices by OpenBLAS, on processors for which torch's own library leaves half of the vectors empty.

The library that torch multiplies by, MKL, has AVX-512 for Intel's processors alone; on others OpenBLAS is faster by
half in float64 and by twice in float32. It is a copy of its own, which no other package has settings of.
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
    """Its C interface; on one thread, whichever calls it.

    Threads of its own would wait for each other at every product, very long where other programs keep a core busy.
    """

    def __init__(self, library: Path) -> None:
        """Raises OSError if it cannot be loaded."""
        with _environment(OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="SkylakeX"):  # read as it is loaded
            blas = ctypes.CDLL(str(library))
        whole, address = ctypes.c_int, ctypes.c_void_p
        self._one, self._many = {}, {}
        for dtype, letter, real in ((torch.float64, "d", ctypes.c_double), (torch.float32, "s", ctypes.c_float)):
            one = self._one[dtype] = getattr(blas, f"scipy_cblas_{letter}gemm")
            one.argtypes = [*[whole] * 6, real, address, whole, address, whole, real, address, whole]
            many = self._many[dtype] = getattr(blas, f"scipy_cblas_{letter}gemm_batch_strided")
            operands = [address, whole, whole] * 2
            many.argtypes = [*[whole] * 6, real, *operands, real, address, whole, whole, whole]
            one.restype = many.restype = None

    def multiply(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> None:
        """out = a @ b, or, where `add`, out += a @ b, for matrices or batches of as many of them.

        All of one type, float32 or float64; each row of out is in one piece.
        """
        if out.numel():
            function, arguments, _ = self._call(a, b, out, add)
            function(*arguments)

    def bound(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> Callable[[], object]:
        """`multiply` of these tensors, of what they hold whenever it is called, without looking at them every time."""
        if out.numel() == 0:
            return partial(self.multiply, a, b, out, add=add)
        function, arguments, operands = self._call(a, b, out, add)
        if operands[0] is not a or operands[1] is not b:
            return partial(self.multiply, a, b, out, add=add)
        call = partial(function, *arguments)
        call.operands = (*operands, out)  # type: ignore[attr-defined]  # memory that has to live as long as the call
        return call

    def _call(self, a: Tensor, b: Tensor, out: Tensor, add: bool) -> tuple[Any, tuple[Any, ...], tuple[Tensor, Tensor]]:
        """The library's function, its arguments, and a and b as they are laid out for it."""
        (m, n), k = out.shape[-2:], a.shape[-1]
        a, a_order, a_step = _laid_out(a)
        b, b_order, b_step = _laid_out(b)
        out_step = max(out.stride(-2), n)
        sizes = (_ROWS, a_order, b_order, m, n, k, 1.0)
        if out.ndim == 2:
            operands = (a.data_ptr(), a_step, b.data_ptr(), b_step, float(add), out.data_ptr(), out_step)
            return self._one[out.dtype], (*sizes, *operands), (a, b)
        left, right = (a.data_ptr(), a_step, a.stride(0)), (b.data_ptr(), b_step, b.stride(0))
        result = (float(add), out.data_ptr(), out_step, out.stride(0), len(out))
        return self._many[out.dtype], (*sizes, *left, *right, *result), (a, b)


@cache
def find_openblas() -> OpenBLAS | None:
    """The library, if it is installed and worth it here."""
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


def _laid_out(a: Tensor) -> tuple[Tensor, int, int]:
    """Matrices, copied if neither their rows nor their columns are in one piece; which are, and their distance."""
    rows, columns = a.shape[-2:]
    down, along = a.stride()[-2:]
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return a, _PLAIN, max(down, columns)
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return a, _TRANSPOSED, max(along, rows)
    return a.contiguous(), _PLAIN, columns


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """With these variables, whatever is set for the copies of other packages."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
