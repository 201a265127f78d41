"""Embedding nets: batched evaluation and single nets."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.network.embedding import EmbeddingNets


@pytest.mark.parametrize("resnet_dt", [True, False])
def test_together_and_one_by_one(resnet_dt: bool) -> None:
    nets = EmbeddingNets(3, (4, 8, 8), resnet_dt=resnet_dt, generator=torch.Generator().manual_seed(0))
    x = torch.randn(3, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    batched = nets(x)
    assert batched.shape == (3, 11, 8)
    for index in range(3):
        torch.testing.assert_close(nets.evaluate(index, x[index]), batched[index])
    assert not torch.allclose(nets.evaluate(0, x[0]), nets.evaluate(1, x[0]))


def test_which_layers_are_residual() -> None:
    nets = EmbeddingNets(1, (1, 2, 2, 3), resnet_dt=True)
    assert [layer.copies for layer in nets.layers] == [1, 2, 1, 0]
    assert [layer.idt is not None for layer in nets.layers] == [True, True, True, False]


def test_gradients_of_one_reach_its_own_weights_only() -> None:
    nets = EmbeddingNets(2, (3,), generator=torch.Generator().manual_seed(0))
    nets.evaluate(1, torch.ones(4, dtype=torch.float64)).sum().backward()
    (gradient,) = (layer.w.grad for layer in nets.layers)
    assert gradient is not None and not gradient[0].any() and gradient[1].any()
