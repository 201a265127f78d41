"""Products of columns: compiled and in PyTorch against the square form, and their gradient."""

from __future__ import annotations

import pytest
import torch

from deepaw.native.library import find_library
from deepaw.potential.engine import columnproducts
from deepaw.potential.engine.columnproducts import ColumnProducts

SIZES = [(37, 16), (16, 16), (20, 13), (5, 5), (40, 1), (1, 1), (9, 8)]


@pytest.fixture(params=["compiled", "torch"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch":
        monkeypatch.setattr(columnproducts, "find_library", lambda: None)
    elif find_library() is None:
        pytest.skip("the compiled part was not built")


@pytest.mark.parametrize(("columns", "axes"), SIZES)
@pytest.mark.parametrize("components", [4, 1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_products_times_folded_weights(
    columns: int, axes: int, components: int, dtype: torch.dtype, library: None
) -> None:
    products, random = ColumnProducts(columns, axes), torch.Generator().manual_seed(0)
    Q = torch.randn(7, components, columns, generator=random, dtype=dtype).requires_grad_()
    weights = torch.randn(columns * axes, 3, generator=random, dtype=dtype)
    expected = (Q.transpose(1, 2) @ Q[:, :, :axes]).flatten(1) @ weights
    folded = products.fold_weights(weights)
    tolerance = {"rtol": 0, "atol": 100 * torch.finfo(dtype).eps * float(expected.detach().abs().max())}
    actual = products.forward(Q.detach())
    assert actual.shape == (7, products.count) and products.count == columns * axes - axes * (axes - 1) // 2
    torch.testing.assert_close(actual @ folded, expected.detach(), **tolerance)
    grad_outputs = torch.randn(7, 3, generator=random, dtype=dtype)
    (grad_Q,) = torch.autograd.grad(expected, Q, grad_outputs)
    tolerance["atol"] = 100 * torch.finfo(dtype).eps * float(grad_Q.abs().max())
    torch.testing.assert_close(products.backward(Q.detach(), grad_outputs @ folded.T), grad_Q, **tolerance)
