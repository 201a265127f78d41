"""How many threads torch works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_POINTS, SMALL_ATOMS = 10_000, 1_000
"""Of a batch that several threads would not finish sooner."""


@contextmanager
def one_thread(small: bool) -> Iterator[None]:
    """Work alone where the work is `small`: threads that wait for one another keep the others' processors busy."""
    before = torch.get_num_threads()
    if small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
