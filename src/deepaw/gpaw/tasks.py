"""Many calculations at a time: in processes of this machine, or on a Ray cluster.

A task that raises, or whose process dies, gives a `Failure` and costs the other tasks nothing. A process ends when the
one that started it does.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any

from deepaw.errors import InputError

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Failure:
    """Why a task gave no result."""

    reason: str


@dataclass(frozen=True)
class TaskProgress:
    """A finished task: its name, why it failed or None, and how many tasks are finished and there."""

    name: str
    failure: str | None
    done: int
    total: int


def run_tasks(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, *, ray: bool = False
) -> Iterator[tuple[int, Any]]:
    """Yield (index, function(item)) of all items as they are finished, or (index, Failure).

    function: of a module, so that other processes find it. workers: tasks at a time on this machine, which share its
    processors. ray: on the Ray cluster that there is instead, or on this machine by Ray.

    Raises InputError: fewer than one worker, or Ray is not installed or does not start.
    """
    check_workers(workers)
    threads = max(1, processors() // workers)
    return _by_ray(function, items, threads) if ray else _by_processes(function, items, workers, threads)


def check_workers(workers: int) -> None:
    """Raise InputError unless there is a worker or more."""
    if workers < 1:
        raise InputError(f"--workers is {workers}; it must be 1 or more.")


def processors() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_processes(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, threads: int
) -> Iterator[tuple[int, Any]]:
    pending = deque(range(len(items)))
    running: dict[Connection, tuple[Any, int]] = {}  # process and index of the task, by pipe
    idle: list[tuple[Connection, Any]] = []
    try:
        while pending or running:
            while pending and len(running) < workers:
                pipe, process = idle.pop() if idle else _start(function, threads)
                index = pending.popleft()
                running[pipe] = (process, index)
                with suppress(BrokenPipeError):  # noticed below, as the end of the process
                    pipe.send(items[index])
            for ready in connection.wait(list(running)):
                assert isinstance(ready, Connection)
                pipe = ready
                process, index = running.pop(pipe)
                try:
                    result = pipe.recv()
                except (EOFError, ConnectionResetError):
                    process.join()
                    yield index, Failure(f"its process ended with the exit code {process.exitcode}")
                else:
                    idle.append((pipe, process))
                    yield index, result
    finally:
        for process in [process for process, _ in running.values()] + [process for _, process in idle]:
            process.terminate()
            process.join()


def _start(function: Callable[[Any], Any], threads: int) -> tuple[Connection, Any]:
    context = get_context("spawn")
    pipe, other_end = context.Pipe()
    process = context.Process(target=_serve, args=(other_end, function), daemon=True)
    with _thread_count(threads):
        process.start()
    other_end.close()
    return pipe, process


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            pipe.send(_attempt(function, pipe.recv()))


def _attempt(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except InputError as error:
        return Failure(str(error).rstrip("."))
    except Exception as error:  # one structure of many, whose error is listed with it
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")


@contextmanager
def _thread_count(threads: int) -> Iterator[None]:
    """Set the number of threads of processes that are started in the block."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(threads)
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def _by_ray(function: Callable[[Any], Any], items: Sequence[Any], threads: int) -> Iterator[tuple[int, Any]]:
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("--ray needs Ray; install it with: pip install 'deepaw[ray]'") from None
    _connect(ray)
    environment = {"env_vars": {THREADS: str(threads)}}
    remote = ray.remote(num_cpus=threads, max_retries=0, runtime_env=environment)(_attempt)
    waiting = {remote.remote(function, item): index for index, item in enumerate(items)}
    while waiting:
        (reference,), _ = ray.wait(list(waiting))
        index = waiting.pop(reference)
        try:
            yield index, ray.get(reference)
        except ray.exceptions.RayError as error:
            yield index, Failure(f"Ray: {str(error).splitlines()[0]}")


def _connect(ray: Any) -> None:
    """Connect to the cluster that there is, or else to a new one on this machine."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        try:
            ray.init("auto", **quiet)
        except ConnectionError:
            ray.init(include_dashboard=False, **quiet)
    except Exception as error:  # of many kinds, such as an address that does not answer
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise InputError(
            f"Ray can neither be reached nor started: {reason}; see to the cluster (RAY_ADDRESS), or leave out --ray."
        ) from None
