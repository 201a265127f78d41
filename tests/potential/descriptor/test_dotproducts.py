"""Sums over pairs of neighbours against loops over pairs, their gradient against finite differences."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.descriptor import dotproducts
from deepaw.potential.descriptor.dotproducts import DotBasis
from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.spectral.product import ProductBasis

BASIS = DotBasis(90.0, ProductBasis(14, 16))


@pytest.fixture(params=[10**6, 40, 7, 1])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Rows of neighbours of three types, one of which does not occur, processed in pieces of different sizes."""
    monkeypatch.setattr(dotproducts, "BYTES", 8 * request.param)
    generator = torch.Generator().manual_seed(2)
    rows_by_type = [3 * torch.randn(4, 3, width, generator=generator, dtype=torch.float64) for width in (5, 0, 3)]
    rows_by_type[0][1, :, 3:] = 0
    assert max(float((row**2).sum(1).max()) for row in rows_by_type if row.numel()) < BASIS.largest
    return rows_by_type


def exact(rows: list[torch.Tensor], nets: EmbeddingNets) -> torch.Tensor:
    """Compute sum_jk theta G(theta), (atoms, M), all pairs of types together."""
    total = torch.zeros(4, nets.layers[-1].w.shape[-1], dtype=torch.float64)
    number = 0
    for t in range(3):
        for u in range(t, 3):
            for atom in range(4):
                for j in range(rows[t].shape[2]):
                    for k in range(rows[u].shape[2]):
                        theta = (rows[t][atom, :, j] * rows[u][atom, :, k]).sum()
                        total[atom] += (theta * nets.evaluate(number, theta.reshape(1)))[0].detach()
            number += 1
    return total


def test_sums_are_those_over_pairs(rows: list[torch.Tensor]) -> None:
    nets = EmbeddingNets(6, [10, 20], generator=torch.Generator().manual_seed(0))
    C = BASIS.coefficients(lambda theta: nets(theta.expand(6, -1)))
    sums = torch.einsum("npk,pkm->nm", BASIS.moments(rows), C).detach()
    expected = exact(rows, nets)
    torch.testing.assert_close(sums, expected, rtol=0, atol=1e-8 * float(expected.abs().max()))


def test_gradient_and_tangent(rows: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient is that of the moments for a basis of any size, and the tangent its transpose."""
    basis = DotBasis(90.0, ProductBasis(2, 4))
    grad_moments = torch.randn(4, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    gradient = basis.gradient(rows, grad_moments)
    step = 1e-5
    for kind in (0, 2):
        for index in ((0, 0, 0), (1, 2, 1), (3, 1, 2)):
            values = []
            for sign in (1, -1):
                moved = [row.clone() for row in rows]
                moved[kind][index] += sign * step
                values.append(float((basis.moments(moved) * grad_moments).sum()))
            expected = (values[0] - values[1]) / (2 * step)
            assert float(gradient[kind][index]) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    tangent_rows = [torch.randn_like(row) for row in rows]
    tangent_moments = basis.tangent(rows, tangent_rows)
    along = sum(float((g * tangent).sum()) for g, tangent in zip(gradient, tangent_rows, strict=True))
    assert float((tangent_moments * grad_moments).sum()) == pytest.approx(along, rel=1e-12)


def test_slots_that_are_left_over_add_nothing() -> None:
    rows = [torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 2, dtype=torch.float64)]
    padded = [torch.cat([row, torch.zeros(2, 3, 3, dtype=torch.float64)], dim=2) for row in rows]
    torch.testing.assert_close(BASIS.moments(padded), BASIS.moments(rows))


@pytest.mark.parametrize("natoms", [1, 40])
def test_few_pairs_are_worked_on_at_once(natoms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One atom with 600 neighbours has 180,300 pairs."""
    largest, chain = 0, ProductBasis._chain

    def watched(self: ProductBasis, first: torch.Tensor, y: torch.Tensor, count: int) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, y.numel() * y.element_size())
        return chain(self, first, y, count)

    monkeypatch.setattr(ProductBasis, "_chain", watched)
    rows = [0.2 * torch.randn(natoms, 3, width) for width in ((400, 200) if natoms == 1 else (40, 20))]
    basis = DotBasis(90.0, ProductBasis(2, 4))
    basis.gradient(rows, basis.moments(rows))
    assert 0.5 * dotproducts.BYTES < largest <= dotproducts.BYTES


def test_single_precision() -> None:
    rows = [torch.randn(2, 3, 9, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)]
    single, double = BASIS.moments([row.float() for row in rows]), BASIS.moments(rows)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-4 * float(double.abs().max()))
