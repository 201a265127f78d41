"""The life of a server, from its first line to its last."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from deepaw.errors import InputError
from deepaw.server.process.config import ServerConfig
from deepaw.server.process.home import Home
from deepaw.server.process.instance import Claim
from deepaw.server.process.keys import server_keys
from deepaw.server.process.logs import log_to
from deepaw.server.process.sockets import bind_tcp, bind_unix
from deepaw.server.scheduler.interface import EvaluationError, OutOfMemoryError, Scheduler, WorkerLostError

KEEP_ALIVE = 60
"""Seconds that a connection is held between two requests."""

log = logging.getLogger("deepaw.server")


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
            asyncio.run(_Service(config, keys, listeners, _Told(path, url, ready)).run())
    finally:
        claim.release()


class _Told:
    """What is said when the server is ready."""

    def __init__(self, path: Path, url: str, say: Callable[[str], None]) -> None:
        self._path, self._url, self._say = path, url, say
        self._start = time.perf_counter()

    def __call__(self, scheduler: Scheduler) -> None:
        seconds = time.perf_counter() - self._start
        lines = [
            f"{model.name:<10} {model.kind}, {model.hash[:16]}, loaded in {model.loaded_in:.2f} s"
            for model in scheduler.models()
        ]
        lines += [f"socket     {self._path}", *([f"address    {self._url}"] if self._url else [])]
        self._say("\n".join([*lines, f"ready      after {seconds:.2f} s"]))


class _Service:
    """The tasks of the process: the scheduler and uvicorn."""

    def __init__(
        self, config: ServerConfig, keys: tuple[str, ...], listeners: list[socket.socket], told: _Told
    ) -> None:
        self._config, self._keys, self._listeners, self._told = config, keys, listeners, told
        self._signals = 0

    async def run(self) -> None:
        """Until a signal, or a failure to start."""
        scheduler = make_scheduler(self._config)
        starting = asyncio.create_task(scheduler.start())
        await asyncio.sleep(0.01)  # the worker loads its model while this process imports the application
        server = self._server(scheduler)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, server, scheduler, starting)
        serving = asyncio.create_task(server.serve(sockets=self._listeners))
        try:
            await starting
            log.info("ready")
            self._told(scheduler)
            await serving
        except asyncio.CancelledError:
            log.info("stopped while starting")
        except (WorkerLostError, OutOfMemoryError, EvaluationError) as error:
            raise InputError(f"The server cannot start: {error}") from None
        finally:
            server.should_exit = server.force_exit = True
            with suppress(Exception):
                await serving
            await scheduler.stop(0.0)
            log.info("ended")

    def _server(self, scheduler: Scheduler) -> Any:
        import uvicorn

        from deepaw.server.front.app import create_app
        from deepaw.server.process.protocol import PatientProtocol

        class Server(uvicorn.Server):
            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                """Signals are this module's."""
                yield

        settings = uvicorn.Config(
            create_app(scheduler, front_config(self._config, self._keys)),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            backlog=1024,
        )
        return Server(settings)

    def _stop(self, server: Any, scheduler: Scheduler, starting: asyncio.Task[None]) -> None:
        self._signals += 1
        log.info("stopping")
        server.should_exit = True
        if not starting.done():
            starting.cancel()
        if self._signals > 1:
            self._ending = asyncio.ensure_future(scheduler.stop(0.0))
            server.force_exit = True


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
        compile=config.compile,
        batch_size=config.batch_size,
    )


def make_scheduler(config: ServerConfig) -> Scheduler:
    """With a worker for each device, not started."""
    from deepaw.server.scheduler.scheduler import TileScheduler
    from deepaw.server.worker.interface import WorkerConfig
    from deepaw.server.worker.process import ProcessWorker

    of_workers = [
        WorkerConfig(device, config.density_precision, config.potential_precision)
        for device in config.device.split(",")
    ]
    return TileScheduler([ProcessWorker(one) for one in of_workers], config.models, batch_size=config.batch_size)


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
