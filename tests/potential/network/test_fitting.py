"""Fitting nets: a chain of layers, the last of which is linear."""

from __future__ import annotations

import torch

from deepaw.potential.network.fitting import FittingNet


def test_hidden_layers_and_a_linear_one() -> None:
    net = FittingNet(5, (10, 10, 7), 2, activation="silu", generator=torch.Generator().manual_seed(0))
    assert [layer.copies for layer in net.layers] == [2, 1, 0, 0]
    assert [layer.activation for layer in net.layers] == ["silu"] * 3 + ["none"]
    assert [layer.idt is not None for layer in net.layers] == [True, True, False, False]
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = x
    for layer in net.layers:
        z = torch.nn.functional.silu(y @ layer.w + layer.b) if layer.activation == "silu" else y @ layer.w + layer.b
        z = z if layer.idt is None else z * layer.idt
        y = z + (torch.cat([y] * layer.copies, dim=1) if layer.copies else 0)
    assert net(x).shape == (4, 2)
    torch.testing.assert_close(net(x), y)


def test_without_hidden_layers_it_is_linear() -> None:
    net = FittingNet(3, ())
    x = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(net(2 * x) - net(0 * x), 2 * (net(x) - net(0 * x)))
