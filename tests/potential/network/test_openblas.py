"""Products by the C interface of OpenBLAS."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from deepaw.potential.network.openblas import OpenBLAS, find_openblas


@pytest.fixture(name="blas")
def _blas() -> OpenBLAS:
    actual = find_openblas()
    if actual is None:
        pytest.skip("another library multiplies here")
    return actual


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_what_others_have_set_stays(blas: OpenBLAS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    find_openblas.cache_clear()
    assert find_openblas() is not None
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell" and "OPENBLAS_NUM_THREADS" not in os.environ


def test_batches_in_every_layout(blas: OpenBLAS) -> None:
    a, b = random(3, 5, 8, seed=1), random(3, 8, 4, seed=2)
    by_columns = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (a, b)]
    by_atoms_last = [x.permute(1, 2, 0).contiguous().permute(2, 0, 1) for x in (a, b)]
    for left in (a, by_columns[0], by_atoms_last[0], a.transpose(0, 1).contiguous().transpose(0, 1)):
        for right in (b, by_columns[1], by_atoms_last[1]):
            wide = torch.zeros(3, 5, 9, dtype=a.dtype)
            blas.multiply(left, right, wide[:, :, 2:6])
            torch.testing.assert_close(wide[:, :, 2:6], a @ b)
            assert (wide[:, :, :2] == 0).all() and (wide[:, :, 6:] == 0).all()
            blas.multiply(left, right, wide[:, :, 2:6], add=True)
            torch.testing.assert_close(wide[:, :, 2:6], 2 * a @ b)


def test_several_threads_at_once(blas: OpenBLAS) -> None:
    a = [random(200, 300, seed=number) for number in range(8)]

    def square(number: int) -> Tensor:
        out = torch.empty(200, 200, dtype=torch.float64)
        blas.multiply(a[number], a[number].t(), out)
        return out

    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(square, range(8)))
    for one, other in zip(a, actual, strict=True):
        torch.testing.assert_close(other, one @ one.t())
