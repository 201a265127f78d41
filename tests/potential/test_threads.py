"""Work on several threads, each of which works alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from deepaw.potential.threads import each_share, one_thread


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_each_works_alone_on_a_thread_and_with_the_same_gradients() -> None:
    def work(share: int) -> tuple[int, int, bool, int]:
        return share, torch.get_num_threads(), torch.is_grad_enabled(), threading.get_ident()

    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            results = each_share(work, 3)
        assert [result[:3] for result in results] == [(share, 1, enabled) for share in range(3)]
        assert len({result[3] for result in results}) > 1
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


def test_one_thread_ends_also_with_an_error() -> None:
    with pytest.raises(RuntimeError), one_thread():
        assert torch.get_num_threads() == 1
        raise RuntimeError
    assert torch.get_num_threads() == 3
