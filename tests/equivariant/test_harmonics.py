import torch
from e3nn import o3

from deepaw.equivariant import spherical_harmonics


def test_equals_e3nn_up_to_degree_six() -> None:
    vectors = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = o3.spherical_harmonics(list(range(7)), vectors, normalize=True, normalization="component")
    torch.testing.assert_close(spherical_harmonics(6, vectors), expected, atol=1e-12, rtol=0)


def test_only_the_constant_is_left_at_the_origin() -> None:
    values = spherical_harmonics(4, torch.zeros(1, 3, dtype=torch.float64))[0]
    assert values[0] == 1
    assert not values[1:].any()


def test_the_poles_are_ordinary_points() -> None:
    vectors = torch.tensor([[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    values = spherical_harmonics(4, vectors)
    values.sum().backward()
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()
