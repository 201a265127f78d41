"""Weights side by side are trained as they are apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from deepaw.optimisation.flat import FlatWeights

SHAPES = [(3, 5), (1,), (7,), (1, 1), (2, 3, 4)]


def weights(dtypes: list[torch.dtype]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    kinds = (dtypes * len(SHAPES))[: len(SHAPES)]
    return [
        torch.randn(shape, generator=generator).to(dtype).requires_grad_()
        for shape, dtype in zip(SHAPES, kinds, strict=True)
    ]


def fill(gradients: list[Tensor], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for gradient in gradients:
        gradient.copy_(torch.randn(gradient.shape, generator=generator))


def adam(params: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(params, lr=0.1, weight_decay=0.1, fused=True)


@pytest.mark.parametrize("dtypes", [[torch.float64], [torch.float32, torch.float64]], ids=["one type", "two types"])
def test_steps_norms_and_states(dtypes: list[torch.dtype]) -> None:
    apart, together = weights(dtypes), weights(dtypes)
    flat = FlatWeights(together)
    assert len(flat.vectors) == len(dtypes)
    for one, other in zip(apart, together, strict=True):
        one.grad = torch.zeros_like(one)
        assert torch.equal(one, other) and one.shape == other.shape
    of_apart = [weight.grad for weight in apart if weight.grad is not None]
    plain, fast = adam(apart), adam(flat.vectors)
    for step in range(4):
        fill(of_apart, step)
        fill(flat.gradients, step)
        torch.testing.assert_close(
            torch.nn.utils.get_total_norm(flat.vectors_gradients), torch.nn.utils.get_total_norm(of_apart)
        )
        if step == 2:  # from here on with the state of the other, both ways
            kept: dict[str, Any] = flat.by_weight(fast.state_dict())
            torch.testing.assert_close(kept["state"], plain.state_dict()["state"])
            fast = adam(flat.vectors)
            fast.load_state_dict(flat.by_vector(plain.state_dict()))
            plain = adam(apart)
            plain.load_state_dict(kept)
        plain.step()
        fast.step()
        for one, other in zip(apart, together, strict=True):
            torch.testing.assert_close(one, other)


def test_a_state_without_steps() -> None:
    flat = FlatWeights(weights([torch.float32]))
    optimizer = adam(flat.vectors)
    kept = flat.by_weight(optimizer.state_dict())
    assert kept["state"] == {} and kept["param_groups"][0]["params"] == [0, 1, 2, 3, 4]
    optimizer.load_state_dict(flat.by_vector(kept))
