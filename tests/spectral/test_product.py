"""Basis of products of Chebyshev polynomials."""

from __future__ import annotations

import pytest
import torch

from deepaw.spectral.product import ProductBasis

SIZES = [(1, 2), (3, 2), (1, 8), (5, 8), (12, 16)]


def points(*shape: int) -> torch.Tensor:
    return 2 * torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_products_span_the_chebyshev_polynomials(rows: int, columns: int) -> None:
    basis = ProductBasis(rows, columns)
    assert torch.equal(basis.from_chebyshev @ basis.to_chebyshev, torch.eye(basis.size, dtype=torch.float64))
    v, c = points(4, 11), points(basis.size)
    expected = basis.chebyshev.values(v) @ c
    actual = basis.values(v, (basis.from_chebyshev @ c).expand(4, 1, -1))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13 * basis.size)


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_sums_over_sets_of_points(rows: int, columns: int) -> None:
    basis = ProductBasis(rows, columns)
    v, x, sets = points(4, 11), torch.randn(4, 11, dtype=torch.float64), [3, 0, 8]
    per_point = x.unsqueeze(2) * (basis.chebyshev.values(v) @ basis.to_chebyshev)
    expected = torch.stack([part.sum(1) for part in per_point.split(sets, dim=1)], dim=1)
    torch.testing.assert_close(basis.sums(v, x, sets), expected, rtol=0, atol=1e-13 * basis.size)
    g = points(4, 3, basis.size)
    parts = [basis.values(part, set_g.unsqueeze(1)) for part, set_g in zip(v.split(sets, 1), g.unbind(1), strict=True)]
    torch.testing.assert_close(basis.values(v, g, sets), torch.cat(parts, dim=1))


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_the_derivative_of_a_moment(rows: int, columns: int) -> None:
    """d/dv (v p) = p + v p'."""
    basis = ProductBasis(rows, columns)
    v, c = points(1, 9), points(basis.size)
    g = basis.derivative_of_moment @ basis.from_chebyshev @ c
    expected = (basis.chebyshev.values(v) + v.unsqueeze(2) * basis.chebyshev.derivatives(v)) @ c
    actual = basis.values(v, g.view(1, 1, -1))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13 * float(expected.abs().max()) * basis.size)
