"""A line about how a training is going, while it goes."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from deepaw.potential.training.trainer import Status

INTERVAL = 0.25
"""Seconds between two drawings."""

MEMORY = 40
"""Drawings over which the speed is measured."""


class TrainingProgress:
    """Called with the status after every step, draws a bar with errors, rate and speed on stderr; gone when the block
    ends.

    Draws nothing where stderr is not a terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._drawn: deque[tuple[float, int]] = deque(maxlen=MEMORY)

    def __enter__(self) -> TrainingProgress:
        return self

    def __call__(self, status: Status) -> None:
        """A step is done."""
        now = time.monotonic()
        if not self._console.is_terminal or (self._drawn and now - self._drawn[-1][0] < INTERVAL):
            return
        self._drawn.append((now, status.step))
        if self._bar is None:
            columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._bar.add_task("", total=status.steps, completed=status.step)
        errors = " ".join(f"{name} {value:.1e}" for name, value in sorted(status.errors.means().items()))
        text = f"{errors} lr {status.rate:.1e}"
        (before, first), (after, last) = self._drawn[0], self._drawn[-1]
        if after > before:
            text += f" {(last - first) / (after - before):.1f} steps/s"
        self._bar.update(self._bar.task_ids[0], completed=status.step, description=text)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
