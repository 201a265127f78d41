"""Who is next: a bounded queue that gives every client the same share of the device's time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from deepaw.server.scheduler.interface import QueueFullError
from deepaw.server.scheduler.tasks import Task

MOST_CLIENTS = 1024
"""That are remembered after they have been served."""

LONGEST_WAIT = 0.5
"""Seconds of the device that others are given together before it is the turn of one who has had more than they."""


@dataclass(frozen=True)
class QueueLimits:
    """The most that may be waiting or running. Of streamed grids a slab is counted; one job alone is always taken."""

    requests: int = 1024
    points: int = 300_000_000
    atoms: int = 5_000_000


@dataclass
class _Account:
    """spent: seconds of the device, on a clock that all clients share."""

    spent: float
    tasks: deque[Task] = field(default_factory=deque)


class FairQueue:
    """Of those who have something to do, the client who has had least of the device is next.

    That is start-time fair queueing (Goyal, Vin and Cheng, IEEE/ACM Trans. Netw. 5, 690 (1997)) with times as they
    turn out: who comes back after a pause starts with what the last one served had spent, so that nobody saves up. The
    jobs of one client take turns, piece by piece.

    Among many, equal shares would let one who has had a piece that is longer than the others' wait for a multiple of it
    with each of them. So the others are given as long together, or `LONGEST_WAIT`, and no longer.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._clock = 0.0

    def __len__(self) -> int:
        return sum(len(account.tasks) for account in self._accounts.values())

    def tasks(self) -> Iterator[Task]:
        """All that wait."""
        for account in self._accounts.values():
            yield from account.tasks

    def push(self, task: Task) -> None:
        """Behind what its client has waiting."""
        account = self._accounts.get(task.job.client)
        if account is None:
            self._forget_idle()
            account = self._accounts[task.job.client] = _Account(self._clock)
        elif not account.tasks:
            account.spent = max(account.spent, self._clock)
        account.tasks.append(task)

    def pop(self, wanted: Callable[[Task], bool]) -> Task | None:
        """The next task that is wanted."""
        for account in sorted(self._accounts.values(), key=lambda account: account.spent):
            for task in account.tasks:
                if wanted(task):
                    account.tasks.remove(task)
                    self._clock = max(self._clock, account.spent)
                    return task
        return None

    def pop_mates(self, wanted: Callable[[Task], bool]) -> Iterator[Task]:
        """More that are wanted, one of each client in turn."""
        accounts = sorted(self._accounts.values(), key=lambda account: account.spent)
        while accounts:
            for account in list(accounts):
                task = next((task for task in account.tasks if wanted(task)), None)
                if task is None:
                    accounts.remove(account)
                    continue
                account.tasks.remove(task)
                yield task

    def charge(self, client: str, seconds: float) -> None:
        """A client has had so much of the device."""
        if (account := self._accounts.get(client)) is None:
            return
        others = sum(1 for other in self._accounts.values() if other.tasks and other is not account)
        most = self._clock + max(seconds, LONGEST_WAIT) / max(1, others)
        account.spent = min(account.spent + seconds, most)

    def remove(self, unwanted: Callable[[Task], bool]) -> list[Task]:
        """Take some out."""
        removed = [task for task in self.tasks() if unwanted(task)]
        for account in self._accounts.values():
            account.tasks = deque(task for task in account.tasks if not unwanted(task))
        return removed

    def _forget_idle(self) -> None:
        """Clients who have nothing waiting, when there are many: what they have spent is soon caught up with."""
        if len(self._accounts) >= MOST_CLIENTS:
            self._accounts = {client: account for client, account in self._accounts.items() if account.tasks}


def check_room(
    limits: QueueLimits,
    taken: Mapping[str, int],
    unit: Literal["points", "atoms"],
    more: int,
    retry_after: Callable[[], float],
) -> None:
    """taken: `requests`, `points` and `atoms` of all jobs that have not ended. Raises QueueFullError."""
    if taken["requests"] >= limits.requests:
        raise QueueFullError(f"The queue is full: {limits.requests} requests are waiting.", retry_after())
    most = limits.points if unit == "points" else limits.atoms
    if taken[unit] and taken[unit] + more > most:
        raise QueueFullError(f"The queue is full: {taken[unit]} of at most {most} {unit} are waiting.", retry_after())
