"""What is done when the device has not enough memory: less at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from deepaw.server.scheduler.interface import OutOfMemoryError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Halving:
    """Evaluates lists, and parts of them where the whole does not fit.

    count: how often something did not fit. What is tried first afterwards is the largest size that fitted then.
    make_room: called before each new try.
    """

    def __init__(self, make_room: Callable[[], None]) -> None:
        self.count = 0
        self._make_room = make_room
        self._most: float = float("inf")

    def map(
        self,
        function: Callable[[Sequence[Item]], list[Result]],
        items: Sequence[Item],
        size: Callable[[Item], int] = lambda item: 1,
    ) -> list[Result]:
        """function(items), in order.

        Raises OutOfMemoryError: one item alone does not fit.
        """
        total = sum(size(item) for item in items)
        if len(items) > 1 and total > self._most:
            return self._halves(function, items, size)
        try:
            return function(items)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        self.count += 1
        self._make_room()
        if len(items) == 1:
            raise OutOfMemoryError("The device has not enough memory for this, even alone.")
        self._most = min(self._most, max(1, total // 2))
        return self._halves(function, items, size)

    def _halves(
        self, function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], size: Callable[[Item], int]
    ) -> list[Result]:
        middle = len(items) // 2
        return self.map(function, items[:middle], size) + self.map(function, items[middle:], size)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had not enough memory; on a CPU torch says so in words only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def process_bytes() -> int:
    """Memory of this process, as the operating system counts it."""
    if sys.platform.startswith("linux"):
        import resource

        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def device_bytes(device: torch.device) -> int:
    """Memory that is taken on a device; 0 on a CPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
