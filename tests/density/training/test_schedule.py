"""Learning rates and averages against their formulas."""

from math import cos, pi

import pytest
import torch

from deepaw.density.training.config import TrainingInput
from deepaw.density.training.schedule import AveragedWeights, learning_rate


def test_warm_up_is_linear_and_ends_at_the_rate():
    config = TrainingInput(steps=100, warmup=10, learning_rate=0.02, final_learning_rate=0.002)
    assert [learning_rate(config, step) for step in range(10)] == pytest.approx([0.002 * n for n in range(1, 11)])
    assert learning_rate(config, 10) == pytest.approx(0.02)


@pytest.mark.parametrize("warmup", [0, 10])
def test_then_half_a_cosine(warmup):
    config = TrainingInput(steps=100 + warmup, warmup=warmup, learning_rate=0.02, final_learning_rate=0.002)
    for step in (0, 25, 50, 80, 100):
        expected = 0.002 + 0.018 * (1 + cos(pi * step / 100)) / 2
        assert learning_rate(config, step + warmup) == pytest.approx(expected)
    assert learning_rate(config, 1000) == pytest.approx(0.002)


def test_a_warm_up_longer_than_the_training():
    config = TrainingInput(steps=5, warmup=10, learning_rate=1.0, final_learning_rate=0.1)
    assert [learning_rate(config, step) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_averages():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    averages = AveragedWeights([weight], 0.4)
    expected = weight.detach().clone()
    for step in range(12):
        with torch.no_grad():
            weight.copy_(torch.tensor([float(step), 3.0 * step]))
        averages.update(step)
        decay = min(0.4, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * weight.detach()
        torch.testing.assert_close(averages.averages[0], expected)
    assert not averages.averages[0].requires_grad


def test_swap_twice_is_nothing():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    averages = AveragedWeights([weight], 0.9)
    with torch.no_grad():
        weight.fill_(5.0)
    averages.swap()
    assert (weight.item(), averages.averages[0].item()) == (1.0, 5.0)
    averages.swap()
    assert (weight.item(), averages.averages[0].item()) == (5.0, 1.0)
