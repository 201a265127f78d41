"""A worker in threads of this process, for tests and for programs that want no second process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

from deepaw.server.worker.evaluator import Evaluator
from deepaw.server.worker.interface import BESIDE, WorkerConfig


class InProcessWorker:
    """A `Worker`; nothing protects the program from what kills it."""

    pid = None

    def __init__(self, config: WorkerConfig | None = None) -> None:
        self.config = config or WorkerConfig()
        self._evaluator: Evaluator | None = None
        self._interrupted = Event()
        self._thread = ThreadPoolExecutor(1, "evaluation")
        self._loader = ThreadPoolExecutor(1, "loading")

    @property
    def alive(self) -> bool:
        return self._evaluator is not None

    def when_lost(self, notify: Callable[[], None]) -> None:
        """It does not end by itself."""

    async def start(self) -> None:
        """Makes the evaluator."""
        self._evaluator = Evaluator(self.config)

    async def call(self, order: str, **arguments: Any) -> dict[str, Any]:
        """In the thread for loading, or in that for everything else."""
        assert self._evaluator is not None, "not started"
        if order == "grid":
            self._interrupted.clear()
            arguments["goes_on"] = lambda: not self._interrupted.is_set()
        run = partial(getattr(self._evaluator, order), **arguments)
        return await asyncio.get_running_loop().run_in_executor(self._loader if order in BESIDE else self._thread, run)

    def interrupt(self) -> None:
        """Seen before the next tile."""
        self._interrupted.set()

    async def stop(self) -> None:
        """What runs is not waited for."""
        self._interrupted.set()
        for pool in (self._thread, self._loader):
            pool.shutdown(wait=False, cancel_futures=True)
