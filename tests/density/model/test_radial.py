import pytest
import torch
from e3nn.math import soft_one_hot_linspace

from deepaw.density.model.radial import RadialBasis, envelope


@pytest.mark.parametrize("kind", ["gaussian", "bessel"])
def test_functions_are_those_of_e3nn_standardised(kind: str) -> None:
    basis = RadialBasis(7, 3.5, kind).double()
    r = torch.linspace(0, 3.5, 4001, dtype=torch.float64)[1:]
    plain = soft_one_hot_linspace(r, 0.0, 3.5, 7, kind, cutoff=False)
    standardised = (plain - plain.mean(0)) / plain.std(0)
    torch.testing.assert_close(basis(r), standardised, atol=1e-5, rtol=1e-5)


def test_bessel_functions_are_finite_on_the_nucleus() -> None:
    basis = RadialBasis(5, 4.0, "bessel").double()
    near = basis(torch.tensor([0.0, 1e-9], dtype=torch.float64))
    assert torch.isfinite(near).all()
    torch.testing.assert_close(near[0], near[1])


def test_envelope_ends_with_two_derivatives() -> None:
    r = torch.tensor([0.0, 2.0, 4.0, 5.0], dtype=torch.float64, requires_grad=True)
    values = envelope(r, 4.0)
    (slope,) = torch.autograd.grad(values.sum(), r, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), r)
    assert values[0] == 1 and 0 < values[1] < 1
    for derivative in (values, slope, curvature):
        torch.testing.assert_close(derivative[2:], torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
