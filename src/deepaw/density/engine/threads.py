"""Many small pieces of work on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map`, on as many threads as torch uses, each of which then works alone.

    The products of a tile are too small to be worth splitting, and threads that wait for each other inside a product
    lose far more where other programs keep a core busy. Only a few results are ahead of the one that is asked for.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield from map(function, items)
        return
    iterator = iter(items)
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = [pool.submit(function, item) for item in islice(iterator, 4 * threads)]
        while waiting:
            yield waiting.pop(0).result()
            waiting.extend(pool.submit(function, item) for item in islice(iterator, 1))
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
