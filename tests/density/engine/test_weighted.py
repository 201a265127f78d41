import pytest
import torch

from deepaw.density.engine.weighted import WeightedTensor, heavy_rows


@pytest.fixture
def tensor() -> torch.Tensor:
    """Rows that shrink by 0.6 each, as those of a sorted basis do."""
    torch.manual_seed(0)
    return torch.randn(20, 4, 30) * 0.6 ** torch.arange(20.0)[:, None, None]


def test_heavy_rows_are_those_above_a_fraction_of_the_largest() -> None:
    coefficients = torch.diag(torch.tensor([2.0, 1.0, 0.1, 0.01]))
    assert [heavy_rows(coefficients, fraction) for fraction in (0.0, 0.04, 0.3, 1.0)] == [4, 3, 2, 1]


@pytest.mark.parametrize(("exact", "error"), [(20, 1e-6), (9, 1e-4), (0, 1e-2)])
def test_error_is_that_of_the_light_rows(tensor: torch.Tensor, exact: int, error: float) -> None:
    factors = torch.randn(50, 20, 4)
    weighted = WeightedTensor.of(tensor, exact)
    total = torch.ones(50, 30)
    weighted.add_product(total, factors)
    expected = 1 + factors.flatten(1) @ tensor.flatten(0, 1)
    deviation = float((total - expected).abs().max() / expected.abs().max())
    assert deviation < error
    assert exact == 20 or deviation > error / 1000
    matrix = torch.randn(6, 20)
    mapped, plain = weighted.mapped(matrix), torch.einsum("jk,krc->jrc", matrix, tensor)
    assert mapped.shape == plain.shape
    assert (mapped - plain).abs().max() < error * plain.abs().max()


def test_copies_own_their_memory(tensor: torch.Tensor) -> None:
    whole = WeightedTensor.of(tensor, 5)
    copied = whole.copy()
    assert copied.shape == (20, 4, 30) and copied.bytes == 5 * 120 * 4 + 15 * 120 * 2
    assert copied.heavy.untyped_storage().nbytes() == copied.heavy.nbytes
    assert torch.equal(copied.heavy, whole.heavy) and torch.equal(copied.light, whole.light)
