"""A worker in a process of its own, which may end without harm to the server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from typing import Any

from deepaw.server.scheduler.interface import WorkerLostError
from deepaw.server.worker.failures import failure
from deepaw.server.worker.interface import UnsentError, WorkerConfig
from deepaw.server.worker.spawn import Spawned, spawn
from deepaw.server.worker.transport import Receiver, packed

FIRST_ANSWER = 120.0
"""Seconds until a process that is started has to be ready for orders."""

LOST = "The process that worked on this ended; ask again."

AT_ONCE = 5.0
"""Seconds until a process that is told to end is killed."""


class ProcessWorker:
    """A `Worker`. What a client sent reaches the process as arrays and texts, never pickled.

    spawned: the process to start with, which may have begun before this.
    """

    def __init__(self, config: WorkerConfig | None = None, spawned: Spawned | None = None) -> None:
        self.config = config or WorkerConfig()
        self._spawned = spawned
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._receiver = Receiver()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)
        self._grid: int | None = None
        self._sending = asyncio.Lock()
        self._notify: Callable[[], None] = lambda: None
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._socket is not None

    def when_lost(self, notify: Callable[[], None]) -> None:
        self._notify = notify

    async def start(self) -> None:
        await self.stop()
        spawned, self._spawned = self._spawned or spawn(), None
        self._process, ours = spawned.process, spawned.connection
        self._socket, self._receiver = ours, Receiver()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._read)
        ready = self._waiting[0] = loop.create_future()
        try:
            await self._send({"config": asdict(self.config)})
            await asyncio.wait_for(ready, FIRST_ANSWER)
        except TimeoutError:
            await self.stop()
            raise WorkerLostError("The process of the worker did not get ready.") from None
        except BaseException:
            await self.stop()
            raise

    async def call(self, order: str, **arguments: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if order == "grid":
            self._grid = number
        try:
            await self._send({"order": order, "number": number, "arguments": arguments})
            return await answer
        finally:
            self._waiting.pop(number, None)
            if self._grid == number:
                self._grid = None

    def interrupt(self) -> None:
        if self._grid is not None and self._socket is not None:
            message = self._send({"interrupt": self._grid})
            task = asyncio.get_running_loop().create_task(_quietly(message))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def stop(self) -> None:
        self._disconnect()
        process, self._process = self._process, None
        if process is None:
            return
        for wait, then in ((AT_ONCE, signal.SIGKILL), (AT_ONCE, None)):
            try:
                await asyncio.to_thread(process.wait, wait)
                return
            except subprocess.TimeoutExpired:
                if then is not None:
                    process.send_signal(then)

    async def _send(self, message: Mapping[str, Any]) -> None:
        parts, descriptor = packed(message)
        loop = asyncio.get_running_loop()
        try:
            async with self._sending:
                if self._socket is None:
                    raise UnsentError(LOST)
                data = memoryview(b"".join(parts))
                if descriptor is not None:
                    # a socket that is full takes the descriptor with the first byte that fits
                    while True:
                        try:
                            sent = socket.send_fds(self._socket, [data], [descriptor])
                            break
                        except BlockingIOError:
                            await asyncio.sleep(0.001)
                    data = data[sent:]
                await loop.sock_sendall(self._socket, data)
        except (BrokenPipeError, ConnectionResetError):
            self._lose()
            raise UnsentError(LOST) from None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _read(self) -> None:
        assert self._socket is not None
        try:
            goes_on = self._receiver.read(self._socket)
        except BlockingIOError:
            return
        except OSError:
            goes_on = False
        for message in self._receiver.messages():
            answer = self._waiting.pop(message["number"], None)
            if answer is None or answer.done():
                continue
            if (error := failure(message["reply"])) is not None:
                answer.set_exception(error)
            else:
                answer.set_result(message["reply"])
        if not goes_on:
            self._lose()

    def _lose(self) -> None:
        if self._socket is not None:
            self._disconnect()
            self._notify()

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._receiver.close()
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(WorkerLostError(LOST))


async def _quietly(sending: Any) -> None:
    try:
        await sending
    except WorkerLostError:
        return
