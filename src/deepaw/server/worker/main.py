"""The worker process: `python -m deepaw.server.worker.main DESCRIPTOR`, started by `ProcessWorker`.

The first message is the configuration; then come orders with a number each, in any number at a time, and `interrupt`
with the number of the order that is meant. The process ends with its connection.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deepaw.server.worker.failures import described
from deepaw.server.worker.interface import BESIDE, WorkerConfig
from deepaw.server.worker.transport import Receiver, send

if TYPE_CHECKING:
    from deepaw.server.worker.evaluator import Evaluator

Orders = queue.SimpleQueue[Mapping[str, Any]]


class _Connection:
    """Reads orders in a thread of its own; answers come from several."""

    def __init__(self, connection: socket.socket) -> None:
        self.orders, self.beside = Orders(), Orders()
        self.first = Orders()
        self.interrupted = -1
        self._socket = connection
        self._sending = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def answer(self, number: int, reply: Mapping[str, Any]) -> None:
        with self._sending:
            send(self._socket, {"number": number, "reply": reply})

    def _read(self) -> None:
        receiver = Receiver()
        try:
            while receiver.read(self._socket):
                for message in receiver.messages():
                    if "config" in message:
                        self.first.put(message)
                    elif "interrupt" in message:
                        self.interrupted = message["interrupt"]
                    else:
                        (self.beside if message["order"] in BESIDE else self.orders).put(message)
        finally:
            # without the server there is nobody to answer, whatever the other threads are in the middle of
            os._exit(0)


def main() -> None:
    """Until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server, which then stops this
    connection = _Connection(socket.socket(fileno=int(sys.argv[1])))
    # what is imported stays: nothing is gained by looking through it for garbage, neither here nor later
    gc.disable()
    from deepaw.server.worker.evaluator import Evaluator

    config = WorkerConfig(**connection.first.get()["config"])
    try:
        evaluator = Evaluator(config)
    except Exception as error:
        connection.answer(0, described(error))
        return
    gc.freeze()
    gc.enable()
    connection.answer(0, {})
    threading.Thread(target=_work, args=(connection, connection.beside, evaluator), daemon=True).start()
    _work(connection, connection.orders, evaluator)


def _work(connection: _Connection, orders: Orders, evaluator: Evaluator) -> None:
    while True:
        message = orders.get()
        number, arguments = message["number"], dict(message["arguments"])
        if message["order"] == "grid":
            arguments["goes_on"] = lambda number=number: connection.interrupted != number
        try:
            reply = getattr(evaluator, message["order"])(**arguments)
        except Exception as error:
            reply = described(error)
        connection.answer(number, reply)


if __name__ == "__main__":
    main()
