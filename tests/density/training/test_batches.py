"""Which structures and points a step learns from."""

from collections import Counter

import numpy as np
import pytest

from deepaw.density.data.example import Example
from deepaw.density.training.batches import batch_of_step, probes_of_step
from deepaw.density.training.probes import ProbeSource
from density.synthetic import crystal

EXAMPLES = [Example(str(n), "kind", crystal(0), None, "here", lambda: np.ones((2, 2, 2))) for n in range(5)]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_every_epoch_goes_through_all_structures(size):
    names = [example.name for step in range(25) for example in batch_of_step(EXAMPLES, size, 1, step)]
    for epoch in range(len(names) // 5):
        assert Counter(names[5 * epoch : 5 * epoch + 5]) == Counter("01234")
    assert names[:5] != names[5:10] or names[:5] != names[10:15]


def test_batches_depend_on_seed_and_step_alone():
    def names(seed: int) -> list[str]:
        return [example.name for step in range(10) for example in batch_of_step(EXAMPLES, 2, seed, step)]

    assert names(1) == names(1)
    assert names(1) != names(2)


def test_probes_differ_by_step_position_and_seed():
    density = np.random.default_rng(0).random((9, 9, 9), np.float32)
    source = ProbeSource(crystal(0), lambda: density, 2.0)
    first = probes_of_step(source, 20, seed=1, step=3, position=0).density
    assert (probes_of_step(source, 20, seed=1, step=3, position=0).density == first).all()
    for other in ((2, 3, 0), (1, 4, 0), (1, 3, 1)):
        assert (probes_of_step(source, 20, *other).density != first).any()
