"""Batches of frames."""

import json
from collections import Counter

import pytest

from deepaw.errors import InputError
from deepaw.potential.data.sampler import Sampler


def test_a_batch_is_of_one_system_and_of_its_size():
    sampler = Sampler([10, 20, 3], [192, 10, 12], "auto:40")
    assert sampler.sizes == [1, 4, 3]
    assert sampler.batches == [10, 5, 1]
    sizes = set()
    for _ in range(100):
        batch = sampler.draw()
        assert len({system for system, _ in batch}) == 1
        sizes.add((batch[0][0], len(batch)))
    assert sizes == {(0, 1), (1, 4), (2, 3)}


def test_no_frame_twice_before_all_were_seen():
    sampler = Sampler([7], [3], 3)
    frames = [frame for _ in range(14) for _, frame in sampler.draw()]
    passes = [frames[start : start + 7] for start in range(0, 42, 7)]
    assert all(sorted(order) == list(range(7)) for order in passes)
    assert len({tuple(order) for order in passes}) > 1


def test_systems_are_drawn_as_often_as_they_should_be():
    sampler = Sampler([30, 10, 5], [3, 3, 3], 1, sys_probs=[0.2, 0.8, 0.0])
    drawn = Counter(sampler.draw()[0][0] for _ in range(2000))
    assert drawn[2] == 0
    assert 0.17 < drawn[0] / 2000 < 0.23


def test_mixed_batches_hold_frames_of_several_systems():
    sampler = Sampler([3, 40], [3, 300], "mixed:8", auto_prob="prob_uniform")
    batches = [sampler.draw() for _ in range(50)]
    assert {len(batch) for batch in batches} == {8}
    assert any(len({system for system, _ in batch}) == 2 for batch in batches)
    assert {frame for batch in batches for system, frame in batch if system == 0} == {0, 1, 2}


@pytest.mark.parametrize("rule", [4, "mixed:5"])
def test_a_restored_sampler_goes_on_as_the_first(rule):
    def make(seed: int) -> Sampler:
        return Sampler([9, 5], [3, 3], rule, seed=seed)

    first, second = make(3), make(0)
    for _ in range(23):
        first.draw()
    second.draw()
    second.restore(json.loads(json.dumps(first.state())))
    assert [first.draw() for _ in range(30)] == [second.draw() for _ in range(30)]


def test_the_seed_decides():
    def draws(seed: int) -> list:
        sampler = Sampler([20, 20], [3, 3], 2, seed=seed)
        return [sampler.draw() for _ in range(10)]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


def test_a_state_of_other_systems_is_refused():
    with pytest.raises(InputError, match="made with 1 systems, but now there are 2"):
        Sampler([4, 4], [3, 3]).restore(Sampler([4], [3]).state())


def test_an_epoch_reaches_every_system():
    assert Sampler([80], [192], 1).epoch() == 80
    assert Sampler([80, 160], [192, 192], 2).epoch() == 120
    # the slowest system decides, and one that is never drawn does not
    assert Sampler([10, 10, 99], [3, 3, 3], 1, sys_probs=[0.1, 0.9, 0.0]).epoch() == 100
