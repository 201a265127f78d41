"""Work on several threads, each of which works alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from deepaw.potential.training.shares import SMALLEST_SHARE, each_share, ranges_of


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_ranges_cover_all_atoms() -> None:
    cpu = torch.device("cpu")
    assert ranges_of(SMALLEST_SHARE * 3 + 1, cpu) == [(0, 48), (48, 96), (96, 145)]
    assert ranges_of(SMALLEST_SHARE * 2, cpu) == [(0, 48), (48, 96)]
    assert ranges_of(5, cpu) == [(0, 5)]
    assert ranges_of(10**6, torch.device("cuda")) == [(0, 10**6)]


def test_each_works_alone_on_a_thread_and_with_the_same_gradients() -> None:
    def work(share: int) -> tuple[int, int, bool, int]:
        return share, torch.get_num_threads(), torch.is_grad_enabled(), threading.get_ident()

    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            found = each_share(work, 3)
        assert [each[:3] for each in found] == [(share, 1, enabled) for share in range(3)]
        assert len({each[3] for each in found}) > 1
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("wrong", [0, 2])
def test_an_error_waits_for_the_others(wrong: int) -> None:
    done = []

    def work(share: int) -> None:
        if share == wrong:
            raise RuntimeError("no")
        done.append(share)

    with pytest.raises(RuntimeError, match="no"):
        each_share(work, 3)
    assert len(done) == 2 and torch.get_num_threads() == 3
