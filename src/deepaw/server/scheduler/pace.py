"""How long work takes, as learnt from what was done."""

from __future__ import annotations

from collections import Counter, defaultdict

from deepaw.server.scheduler.tasks import Kind

BATCH_SECONDS = 0.03
"""That a batch of joined requests should take about."""

FIRST_GUESS = {"grid": 5e-6, "points": 5e-5, "frames": 2e-4}
"""Seconds for a point, and for an atom."""

SMALLEST, LARGEST = 256, 100_000
"""Points or atoms of a batch."""

WEIGHT = 0.2
"""Of the latest."""

MOST_KNOWN = 256
"""Kinds and models of which the pace is remembered."""


class Pace:
    """Seconds for a point or an atom, by kind of work and model; and counts for metrics.

    batch_size: points or atoms of a batch, in place of as many as take about `BATCH_SECONDS`; 0 for those.
    """

    def __init__(self, batch_size: int = 0) -> None:
        self._batch_size = batch_size
        self._each: dict[tuple[str, str], float] = {}
        self.batches: Counter[str] = Counter()
        self.batched: Counter[str] = Counter()
        self.engine_seconds: defaultdict[str, float] = defaultdict(float)

    def seconds(self, kind: Kind, model: str, size: int) -> float:
        """Of so many points or atoms, about."""
        return size * self._each.get((kind, model), FIRST_GUESS[kind])

    def batch_size(self, kind: Kind, model: str) -> int:
        """Points or atoms, at most, of requests that are joined; one request alone may have more."""
        if self._batch_size:
            return self._batch_size
        return int(min(max(BATCH_SECONDS / self.seconds(kind, model, 1), SMALLEST), LARGEST))

    def note(self, kind: Kind, model: str, size: int, requests: int, seconds: float) -> None:
        """A batch of `requests`, or a piece of a grid, took so long."""
        self.batches[kind] += 1
        self.batched[kind] += requests
        self.engine_seconds[kind] += seconds
        if size > 0:
            if len(self._each) > MOST_KNOWN:
                self._each.clear()
            before = self._each.get((kind, model), seconds / size)
            self._each[kind, model] = (1 - WEIGHT) * before + WEIGHT * seconds / size
