"""A progress bar for what turns out to be long."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE = 1.0
"""Seconds before the bar appears."""


class LateProgress:
    """Called with (done, total), draws a bar on stderr once a second has gone by; gone when all is done or the block
    ends.

    Draws nothing where stderr is not a terminal.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._console = Console(stderr=True)
        self._bar: Progress | None = None

    def __enter__(self) -> LateProgress:
        return self

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` units are finished."""
        if self._bar is None:
            if done >= total or time.monotonic() - self._start < PATIENCE or not self._console.is_terminal:
                return
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
            self._bar.start()
            self._bar.add_task(self._what)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        if done >= total:
            self._stop()

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
