"""Passes of embedding nets, against automatic differentiation."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.network.embedding import EmbeddingNets
from deepaw.potential.network.embedding_passes import EmbeddingPasses


@pytest.mark.parametrize("activation", ["tanh", "gelu", "linear"])
@pytest.mark.parametrize("resnet_dt", [False, True])
@pytest.mark.parametrize("neuron", [[3, 3, 6], [4, 5], [2, 2]])
def test_values_and_gradients(neuron: list[int], resnet_dt: bool, activation: str) -> None:
    generator = torch.Generator().manual_seed(1)
    nets = EmbeddingNets(2, neuron, activation=activation, resnet_dt=resnet_dt, generator=generator)
    assert EmbeddingPasses.supports(nets)
    x = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    weights = list(nets.parameters())
    gradients = [torch.full_like(weight, torch.nan) for weight in weights]
    passes = EmbeddingPasses(nets, x, gradients)
    for _ in range(2):
        adjoint_y = torch.randn(2, 7, neuron[-1], generator=generator, dtype=torch.float64)
        y = nets(x)
        expected = torch.autograd.grad(y, weights, adjoint_y)
        with torch.no_grad():
            passes.forward()
            torch.testing.assert_close(passes.y, y)
            passes.adjoint_y.copy_(adjoint_y)
            passes.backward()
            for gradient, reference in zip(gradients, expected, strict=True):
                torch.testing.assert_close(gradient, reference)
            for weight in weights:
                weight.mul_(0.9)


def test_functions_with_kinks_have_none() -> None:
    assert not EmbeddingPasses.supports(EmbeddingNets(1, [2], activation="relu"))
