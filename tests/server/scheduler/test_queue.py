from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from deepaw.server.scheduler.queue import LONGEST_WAIT, MOST_CLIENTS, FairQueue
from deepaw.server.scheduler.tasks import Task


@dataclass(eq=False)
class Piece:
    """Stands for a task of a client; seconds: what it takes."""

    name: str
    client: str
    seconds: float

    @property
    def job(self) -> SimpleNamespace:
        return SimpleNamespace(client=self.client)


def push(queue: FairQueue, *pieces: Piece) -> None:
    for piece in pieces:
        queue.push(cast(Task, piece))


def serve(queue: FairQueue) -> Piece:
    task = queue.pop(lambda task: True)
    assert task is not None
    piece = cast(Piece, task)
    queue.charge(piece.client, piece.seconds)
    return piece


def test_clients_get_the_same_time_and_not_the_same_number() -> None:
    queue = FairQueue()
    push(queue, *(Piece("large", "a", 0.1) for _ in range(100)), *(Piece("small", "b", 0.01) for _ in range(100)))
    names = [serve(queue).name for _ in range(55)]
    assert names.count("large") == pytest.approx(5, abs=1)
    assert names.count("small") == pytest.approx(50, abs=1)


def test_who_comes_late_is_next() -> None:
    queue = FairQueue()
    push(queue, *(Piece("old", "a", 1.0) for _ in range(10)))
    for _ in range(3):
        serve(queue)
    push(queue, Piece("new", "b", 0.1))
    assert serve(queue).name == "new"


def test_nobody_saves_up_in_a_pause() -> None:
    queue = FairQueue()
    push(queue, Piece("first", "b", 0.1), *(Piece("a", "a", 1.0) for _ in range(30)))
    for _ in range(20):
        serve(queue)
    push(queue, *(Piece("b", "b", 1.0) for _ in range(10)))
    names = [serve(queue).name for _ in range(10)]
    assert names.count("a") == pytest.approx(5, abs=1)


def test_among_many_a_long_piece_is_made_up_for_by_all_others_together() -> None:
    for seconds, waited in ((0.1, LONGEST_WAIT), (2.0, 2.0)):
        queue = FairQueue()
        push(queue, *(Piece(str(number), str(number), 0.002) for number in range(64)))
        push(queue, Piece("long", "long", seconds), Piece("long", "long", seconds))
        between, seen = 0.0, 0
        while seen < 2:
            piece = serve(queue)
            if piece.name == "long":
                seen += 1
            else:
                between += piece.seconds if seen == 1 else 0.0
                push(queue, piece)
        assert between == pytest.approx(waited, rel=0.3)


def test_jobs_of_one_client_take_turns() -> None:
    queue = FairQueue()
    grid = Piece("grid", "a", 1.0)
    push(queue, grid, Piece("energy", "a", 0.1))
    assert serve(queue) is grid
    push(queue, grid)
    assert serve(queue).name == "energy"


def test_mates_come_from_all_clients() -> None:
    queue = FairQueue()
    push(queue, *(Piece(client, client, 0.1) for client in "aaabbc"))
    mates = queue.pop_mates(lambda task: True)
    assert [cast(Piece, next(mates)).name for _ in range(4)] == ["a", "b", "c", "a"]
    assert len(queue) == 2


def test_only_what_is_wanted_is_taken() -> None:
    queue = FairQueue()
    push(queue, Piece("grid", "a", 1.0), Piece("energy", "a", 1.0))
    task = queue.pop(lambda task: cast(Piece, task).name == "energy")
    assert cast(Piece, task).name == "energy" and len(queue) == 1
    assert queue.pop(lambda task: False) is None


def test_clients_that_are_gone_are_forgotten() -> None:
    queue = FairQueue()
    for number in range(2 * MOST_CLIENTS):
        push(queue, Piece("one", str(number), 0.1))
        serve(queue)
    assert len(queue._accounts) <= MOST_CLIENTS
