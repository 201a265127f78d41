"""Python threads that each compute a share of the work, instead of parallel operations of PyTorch.

The operations of a step or an evaluation are small: with each of them on several threads, these wait for one another
most of the time, and much longer where the system lets waiting threads sleep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch

Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run operations of PyTorch on the calling thread only."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each_share(function: Callable[[int], Result], shares: int) -> list[Result]:
    """Return function(0) ... function(shares - 1), each computed on its own thread, with gradients enabled as here."""
    if shares == 1:
        return [function(0)]
    enabled = torch.is_grad_enabled()

    def work(share: int) -> Result:
        with torch.set_grad_enabled(enabled):
            return function(share)

    with one_thread():
        futures = [_pool(shares - 1).submit(work, share) for share in range(1, shares)]
        try:
            first = function(0)
        finally:
            wait(futures)
    return [first, *(future.result() for future in futures)]


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    # cached: a thread takes longer to start than a small step
    return ThreadPoolExecutor(count, "share", torch.set_num_threads, (1,))
