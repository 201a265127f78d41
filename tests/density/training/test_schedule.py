"""Learning rates against their formulas."""

from math import cos, pi

import pytest

from deepaw.density.training.config import TrainingInput
from deepaw.density.training.schedule import learning_rate


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
