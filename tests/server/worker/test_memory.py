from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from deepaw.server.scheduler.interface import OutOfMemoryError
from deepaw.server.worker.memory import Halving, is_out_of_memory


class Device:
    """Has room for so many at once; remembers what was tried."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int] = []
        self.cleared = 0

    def squares(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [item * item for item in items]

    def clear(self) -> None:
        self.cleared += 1


def test_what_does_not_fit_is_halved() -> None:
    device = Device(room=3)
    halving = Halving(device.clear)
    assert halving.map(device.squares, range(10)) == [x * x for x in range(10)]
    assert halving.count == device.cleared == 2
    assert max(device.tried[1:]) <= 5


def test_the_next_is_not_tried_in_full() -> None:
    device = Device(room=4)
    halving = Halving(device.clear)
    halving.map(device.squares, range(16))
    tried, device.tried = device.tried, []
    assert halving.map(device.squares, range(16)) == [x * x for x in range(16)]
    assert tried[0] == 16 and max(device.tried) == 4 and halving.count < 5


def test_one_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OutOfMemoryError, match="even alone"):
        Halving(lambda: None).map(Device(room=0).squares, range(5))


def test_other_errors_are_not_of_memory() -> None:
    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Halving(lambda: None).map(broken, range(5))


def test_a_cpu_says_it_in_words() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50, dtype=torch.float64)
    assert is_out_of_memory(error.value)
