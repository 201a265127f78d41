"""Where a server finds what it needs: its home, its keys, its sockets and its workers."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepaw.server.process.config import ServerConfig
from deepaw.server.process.home import Home
from deepaw.server.process.instance import Claim
from deepaw.server.process.keys import server_keys
from deepaw.server.process.logs import log_to
from deepaw.server.process.sockets import bind_tcp, bind_unix
from deepaw.server.worker.spawn import Spawned, spawn

if TYPE_CHECKING:
    from deepaw.server.scheduler.interface import Scheduler


def serve(config: ServerConfig, ready: Callable[[str], None]) -> None:
    """Serve until a signal says stop; ready: told what to say once requests are taken.

    SIGTERM or SIGINT: what runs is finished. A second one: it is cancelled.

    Raises InputError: a server lives in this home, an address is taken, a model cannot be loaded.
    """
    home = Home(Path(config.home))
    home.make()
    claim = Claim(home)
    try:
        keys = server_keys(home.keys)
        log_to(home.log)
        path = Path(config.socket) if config.socket is not None else home.socket
        with _listening(config, path) as listeners:
            url = _url(config, listeners)
            claim.tell(path, url)
            start = time.perf_counter()
            # they import what they need while this process does
            spawned = [spawn(home.compiled) for _ in config.device.split(",")]
            gc.disable()
            from deepaw.server.process.service import Service, Told

            Service(
                make_scheduler(config, spawned),
                front_config(config, keys),
                listeners,
                Told(path, url, ready, start),
            ).run()
    finally:
        claim.release()


def front_config(config: ServerConfig, keys: tuple[str, ...]) -> Any:
    """The settings of the application."""
    from dataclasses import replace

    from deepaw.server.front.config import FrontConfig, Limits

    usual = Limits()
    limits = replace(
        usual,
        atoms=config.max_atoms or usual.atoms,
        answer_points=config.max_points or usual.answer_points,
        body=config.max_body or usual.body,
        seconds=config.max_seconds or usual.seconds,
    )
    return FrontConfig(
        keys=keys,
        require_key=config.require_key,
        data_dirs=tuple(Path(folder) for folder in config.data_dirs),
        limits=limits,
        batch_size=config.batch_size,
    )


def make_scheduler(config: ServerConfig, spawned: Sequence[Spawned] = ()) -> Scheduler:
    """With a worker for each device, not started; spawned: processes for them."""
    from deepaw.server.scheduler.scheduler import TileScheduler
    from deepaw.server.worker.interface import WorkerConfig
    from deepaw.server.worker.process import ProcessWorker

    of_workers = [
        WorkerConfig(device, config.density_precision, config.potential_precision, compile=config.compile)
        for device in config.device.split(",")
    ]
    workers = [ProcessWorker(one, begun) for one, begun in zip_longest(of_workers, spawned)]
    return TileScheduler(workers, config.models, batch_size=config.batch_size)


@contextmanager
def _listening(config: ServerConfig, path: Path) -> Iterator[list[socket.socket]]:
    """The Unix socket, and that of TCP if there is one."""
    listeners = [] if config.port is None else [bind_tcp(config.host, config.port)]
    try:
        listeners.insert(0, bind_unix(path))
        yield listeners
        path.unlink(missing_ok=True)
    except BaseException:
        if listeners and listeners[0].family == socket.AF_UNIX:
            path.unlink(missing_ok=True)
        raise
    finally:
        for listener in listeners:
            listener.close()


def _url(config: ServerConfig, listeners: list[socket.socket]) -> str:
    if config.port is None:
        return ""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listeners[1].getsockname()[1]}"
