"""Products by whatever library, of operands laid out in every way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepaw.potential.network.products import add_product, product, transposed_product

DTYPES = [torch.float32, torch.float64]


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
            torch.testing.assert_close(add_product(expected[:1], left, right), expected + expected[:1])
            torch.testing.assert_close(add_product(expected, left, right), 2 * expected)
            found = torch.full_like(expected, torch.nan)
            transposed_product(left.t().contiguous(), right, out=found)
            torch.testing.assert_close(found, expected)


def test_what_is_added_stays_as_it_was() -> None:
    c = random(3, 2, seed=1, dtype=torch.float32)
    before = c.clone()
    add_product(c, random(3, 4, seed=2, dtype=torch.float32), random(4, 2, seed=3, dtype=torch.float32))
    assert torch.equal(c, before)
