import pytest
import torch

from deepaw.spectral import ChebyshevBasis, Table, reduce_basis


def _network(width: int = 20) -> torch.nn.Sequential:
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh()
    ).double()


def test_a_network_of_one_variable_is_a_linear_map() -> None:
    net = _network()
    basis = ChebyshevBasis(0.2, 3.0, 40)
    x = torch.linspace(0.2, 3.0, 333, dtype=torch.float64)
    exact = net(x[:, None])
    error = [
        (b.values(x) @ b.fit(lambda t: net(t[:, None])) - exact).abs().max().item()
        for b in (ChebyshevBasis(0.2, 3.0, 10), ChebyshevBasis(0.2, 3.0, 20), basis)
    ]
    assert error[2] < 1e-10
    assert error[0] > 100 * error[1] > 100 * error[2]


def test_gradients_of_the_weights_pass_through_the_coefficients() -> None:
    net = _network()
    x = torch.linspace(0.3, 2.9, 50, dtype=torch.float64)
    basis = ChebyshevBasis(0.2, 3.0, 48)
    weights = list(net.parameters())
    direct = torch.autograd.grad(net(x[:, None]).square().sum(), weights)
    spectral = torch.autograd.grad((basis.values(x) @ basis.fit(lambda t: net(t[:, None]))).square().sum(), weights)
    for a, b in zip(direct, spectral, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-8)


def test_derivatives_are_those_of_the_values() -> None:
    basis = ChebyshevBasis(-1.5, 2.0, 12)
    x = torch.linspace(-1.4, 1.9, 7, dtype=torch.float64, requires_grad=True)
    values = basis.values(x)
    columns = [torch.autograd.grad(values[:, k].sum(), x, retain_graph=True)[0] for k in range(1, basis.size)]
    torch.testing.assert_close(basis.derivatives(x)[:, 1:], torch.stack(columns, -1), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 3, 9, 16, 17, 18, 24, 25, 48, 61])
def test_rows_are_the_values_with_signs(size: int) -> None:
    basis = ChebyshevBasis(-0.5, 2.0, size)
    x = torch.linspace(-0.5, 2.0, 60, dtype=torch.float64).view(5, 12)
    signs = torch.tensor(basis.row_signs(), dtype=torch.float64)
    assert len(signs) == size and (signs.abs() == 1).all()
    rows = basis.rows(x)
    assert rows.shape == (size, 5, 12)
    torch.testing.assert_close(rows.movedim(0, -1) * signs, basis.values(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 12, 33])
def test_differentiation_gives_the_derivatives(size: int) -> None:
    basis = ChebyshevBasis(-1.5, 2.0, size)
    x = torch.linspace(-1.5, 2.0, 40, dtype=torch.float64)
    actual = basis.values(x) @ basis.differentiation()
    torch.testing.assert_close(actual, basis.derivatives(x), rtol=0, atol=1e-10 * size**2)


def test_the_reduced_basis_keeps_the_tolerance_and_is_orthonormal() -> None:
    net = _network(60)
    basis = ChebyshevBasis(0.0, 4.0, 64)
    coefficients = basis.fit(lambda t: net(t[:, None]))
    x = torch.linspace(0, 4, 2001, dtype=torch.float64)
    exact = net(x[:, None])
    sizes = []
    for tolerance in (1e-2, 1e-5):
        reduced, linear = reduce_basis(basis, coefficients, tolerance)
        sizes.append(reduced.size)
        g = reduced.values(x)
        assert (g @ linear - exact).square().mean().sqrt() < 10 * tolerance * exact.square().mean().sqrt()
        torch.testing.assert_close(g.T @ g / len(x), torch.eye(reduced.size, dtype=torch.float64), atol=2e-2, rtol=0)
    assert sizes[0] < sizes[1] < 60


def test_on_a_part_of_the_interval_fewer_functions_do() -> None:
    net = _network(60)
    basis = ChebyshevBasis(0.0, 4.0, 64)
    reduced, _ = reduce_basis(basis, basis.fit(lambda t: net(3 * t[:, None])), 1e-6)
    local, linear = reduced.restricted(1.0, 1.5, 1e-6)
    x = torch.linspace(1.0, 1.5, 100, dtype=torch.float64)
    assert local.size < reduced.size
    torch.testing.assert_close(local.values(x) @ linear, reduced.values(x), atol=1e-4, rtol=0)


def test_the_table_interpolates_and_holds_its_ends() -> None:
    table = Table.sample(lambda x: torch.stack([x.sin(), x.square()], -1), 0.0, 2.0, 1000, torch.float64)
    x = torch.linspace(0, 2, 777, dtype=torch.float64)
    torch.testing.assert_close(table(x), torch.stack([x.sin(), x.square()], -1), atol=2e-6, rtol=0)
    torch.testing.assert_close(table(torch.tensor([3.0], dtype=torch.float64)), table.values[-1:])
