"""Shares of the atoms of a batch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from deepaw.potential.training.shares import SMALLEST_SHARE, share_ranges


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    threads_before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads_before)


def test_ranges_cover_all_atoms() -> None:
    cpu = torch.device("cpu")
    assert share_ranges(SMALLEST_SHARE * 3 + 1, cpu) == [(0, 48), (48, 96), (96, 145)]
    assert share_ranges(SMALLEST_SHARE * 2, cpu) == [(0, 48), (48, 96)]
    assert share_ranges(5, cpu) == [(0, 5)]
    assert share_ranges(10**6, torch.device("cuda")) == [(0, 10**6)]
