"""What the scheduler asks of a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from deepaw.server.scheduler.interface import WorkerLostError

BESIDE = frozenset({"load", "drop"})
"""Orders that are worked on beside the one that runs."""


@dataclass(frozen=True)
class WorkerConfig:
    """device: cpu, cuda or cuda:N. density_precision, potential_precision: of the engines. threads: of torch; None for
    its own choice. compile: densities by torch.compile, where that can be. prepared_bytes: that the atom parts of
    structures may take, the least recently used given up first.
    """

    device: str = "cpu"
    density_precision: str = "default"
    potential_precision: str = "float64"
    threads: int | None = None
    compile: bool = False
    prepared_bytes: int = 2**30


class UnsentError(WorkerLostError):
    """The worker had ended before the order reached it: nothing came of it, and another worker may be given it."""


class Worker(Protocol):
    """Orders are methods of `Evaluator`, which says what they take and give."""

    config: WorkerConfig

    @property
    def pid(self) -> int | None:
        """Of its process; None where it has none of its own."""

    @property
    def alive(self) -> bool:
        """Whether it takes orders."""

    def when_lost(self, notify: Callable[[], None]) -> None:
        """`notify` is called when it ends by itself."""

    async def start(self) -> None:
        """Also after it was lost. Raises InputError: the device is not there. WorkerLostError: it ended at once."""

    async def call(self, order: str, **arguments: Any) -> dict[str, Any]:
        """Those in `BESIDE` beside what runs, others one after the other.

        Raises what the order raises, and WorkerLostError, of which UnsentError is one.
        """

    def interrupt(self) -> None:
        """The order `grid` that runs ends at the next tile."""

    async def stop(self) -> None:
        """At once, whatever runs."""
