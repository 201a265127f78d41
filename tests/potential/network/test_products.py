"""Products by torch and OpenBLAS of operands with every memory layout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepaw.potential.network import products
from deepaw.potential.network.products import batch_product, bound_batch_product, bound_product, product

DTYPES = [torch.float32, torch.float64]


@pytest.fixture(autouse=True, params=["at hand", "torch"])
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(products, "find_openblas", lambda: None)


def random(*shape: int, seed: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_rows_columns_and_transposes(dtype: torch.dtype) -> None:
    a, b = random(9, 14, seed=1, dtype=dtype), random(14, 6, seed=2, dtype=dtype)
    expected = (a.double() @ b.double()).to(dtype)
    wide, tall = random(9, 20, seed=3, dtype=dtype), random(14, 11, seed=4, dtype=dtype)
    wide[:, 2:16], tall[:, 3:9] = a, b
    for left in (a, a.t().contiguous().t(), wide[:, 2:16]):
        for right in (b, b.t().contiguous().t(), tall[:, 3:9]):
            torch.testing.assert_close(product(left, right), expected)
            actual = torch.full((9, 8), torch.nan, dtype=dtype)[:, 1:7]
            assert product(left, right, out=actual) is actual
            torch.testing.assert_close(actual, expected)
            product(left, right, out=actual, add=True)
            torch.testing.assert_close(actual, 2 * expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_nothing(dtype: torch.dtype) -> None:
    out = torch.ones(3, 2, dtype=dtype)
    assert (product(out[:, :0], out[:0], out=out.clone(), add=True) == 1).all()
    assert (product(out[:, :0], out[:0], out=torch.full_like(out, torch.nan)) == 0).all()
    assert product(out[:0], out[:2]).shape == (0, 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_many(dtype: torch.dtype) -> None:
    a, b = random(5, 3, 4, seed=1, dtype=dtype), random(5, 4, 2, seed=2, dtype=dtype)
    expected = torch.einsum("nij,njk->nik", a, b)
    torch.testing.assert_close(batch_product(a, b), expected)
    out = torch.full((5, 3, 6), torch.nan, dtype=dtype)[:, :, 1:3]
    assert batch_product(a, b, out=out) is out
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(batch_product(a, b, out=out, add=True), 2 * expected)
    turned = b.transpose(1, 2).contiguous().transpose(1, 2)
    torch.testing.assert_close(batch_product(a, turned), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_products_of_half_precision(dtype: torch.dtype) -> None:
    a, b = random(3, 4, seed=1, dtype=dtype), random(4, 2, seed=2, dtype=dtype)
    torch.testing.assert_close(product(a, b), a @ b)
    torch.testing.assert_close(batch_product(a[None], b[None])[0], a @ b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, 2], ids=["rows in one piece", "copied"])
def test_bound_products_see_what_operands_hold(dtype: torch.dtype, step: int) -> None:
    a, b = random(3, 4, 5 * step, seed=1, dtype=dtype)[..., ::step], random(3, 5, 2, seed=2, dtype=dtype)
    many, one = torch.empty(3, 4, 2, dtype=dtype), torch.empty(4, 2, dtype=dtype)
    calls = [bound_batch_product(a, b, many), bound_product(a[0], b[0], one)]
    calls += [bound_batch_product(a, b, many, add=True), bound_product(a[0], b[0], one, add=True)]
    a.mul_(2)
    b.add_(1)
    for call in calls:
        call()
    expected = 2 * torch.einsum("nij,njk->nik", a, b)
    torch.testing.assert_close(many, expected)
    torch.testing.assert_close(one, expected[0])
    bound_product(a[0, :0], b[0], one[:0])()
    half = torch.bfloat16
    bound_product(a[0].float(), b[0].float(), single := torch.empty(4, 2), half)()
    torch.testing.assert_close(single, expected[0].float() / 2, rtol=0.1, atol=0.1)
