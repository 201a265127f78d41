"""The life of a server, from its first request to its last."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepaw.errors import InputError
from deepaw.server.scheduler.interface import EvaluationError, OutOfMemoryError, Scheduler, WorkerLostError

if TYPE_CHECKING:
    from deepaw.server.front.config import FrontConfig

KEEP_ALIVE = 60
"""Seconds that a connection is held between two requests."""

log = logging.getLogger("deepaw.server")


class Told:
    """What is said when the server is ready; start: by `time.perf_counter`."""

    def __init__(self, path: Path, url: str, say: Callable[[str], None], start: float) -> None:
        self._path, self._url, self._say, self._start = path, url, say, start

    def __call__(self, scheduler: Scheduler) -> None:
        seconds = time.perf_counter() - self._start
        lines = [
            f"{model.name:<10} {model.kind}, {model.hash[:16]}, loaded in {model.loaded_in:.2f} s"
            f"{', compiled' if model.compiled else ''}"
            for model in scheduler.models()
        ]
        lines += [
            f"note       {model.name} is not compiled: {model.not_compiled}"
            for model in scheduler.models()
            if model.not_compiled
        ]
        lines += [f"socket     {self._path}", *([f"address    {self._url}"] if self._url else [])]
        self._say("\n".join([*lines, f"ready      after {seconds:.2f} s"]))


class Service:
    """The tasks of the process: the scheduler and uvicorn."""

    def __init__(self, scheduler: Scheduler, config: FrontConfig, listeners: list[socket.socket], told: Told) -> None:
        self._scheduler, self._config, self._listeners, self._told = scheduler, config, listeners, told
        self._signals = 0

    def run(self) -> None:
        """Until a signal. Raises InputError: it cannot start."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        scheduler = self._scheduler
        starting = asyncio.create_task(scheduler.start())
        await asyncio.sleep(0.01)  # the workers are told what they are for; then this process imports the application
        server = self._server()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, server, scheduler, starting)
        serving = asyncio.create_task(server.serve(sockets=self._listeners))
        try:
            await starting
            log.info("ready")
            # what is imported stays: nothing is gained by looking through it for garbage
            gc.freeze()
            gc.enable()
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

    def _server(self) -> Any:
        import uvicorn

        from deepaw.server.front.app import create_app
        from deepaw.server.process.protocol import PatientProtocol

        class Server(uvicorn.Server):
            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                """Signals are this module's."""
                yield

        settings = uvicorn.Config(
            create_app(self._scheduler, self._config),
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
