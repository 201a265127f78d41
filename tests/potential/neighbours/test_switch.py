"""The switch function and the environment matrix."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.neighbours.switch import environment_rows, switch, switch_derivative

SMTH, CUT = 1.5, 4.0


def test_the_switch_falls_from_one_to_zero_with_two_derivatives() -> None:
    def at(*r: float) -> torch.Tensor:
        return torch.tensor(r, dtype=torch.float64, requires_grad=True)

    assert switch(at(0.1, 1.0, SMTH), SMTH, CUT).tolist() == [1, 1, 1]
    assert switch(at(CUT, 5.0), SMTH, CUT).abs().max() < 1e-15
    middle = switch(at(0.5 * (SMTH + CUT)), SMTH, CUT)
    assert abs(float(middle.detach()) - 0.5) < 1e-15
    for edge in (SMTH, CUT):
        r = at(edge - 1e-4, edge + 1e-4)
        (first,) = torch.autograd.grad(switch(r, SMTH, CUT).sum(), r, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), r)
        assert first.abs().max() < 1e-6 and second.abs().max() < 1e-2


def test_its_derivative() -> None:
    r = torch.linspace(0.5, 5, 46, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(switch(r, SMTH, CUT).sum(), r)
    torch.testing.assert_close(switch_derivative(r.detach(), SMTH, CUT), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("protection", [0.0, 0.3])
def test_rows(protection: float) -> None:
    vector = torch.tensor([[0.3, -0.4, 1.2], [2.0, 1.0, -2.0], [3.0, 3.0, 3.0]], dtype=torch.float64)
    r = torch.tensor([1.3, 3.0, 27**0.5], dtype=torch.float64)
    s = switch(r, SMTH, CUT) / (r + protection)
    rows = environment_rows(vector, SMTH, CUT, protection)
    torch.testing.assert_close(rows[:, 0], s)
    torch.testing.assert_close(rows[:, 1:], (s / (r + protection))[:, None] * vector)
    assert not rows[2].any()
