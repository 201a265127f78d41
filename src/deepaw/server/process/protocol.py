"""HTTP on a connection: who takes too long over a request, or sends what is none, is turned away."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""For the head of a request to come in."""

LONGEST_HEAD = 65_536
"""Bytes."""

SEND_BUFFER = 4_194_304
"""Bytes, where the system allows as many: answers then take fewer turns between server and client."""

_BAD = b'{"error":"That is not an HTTP request."}'
BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_BAD), _BAD)
)


class PatientProtocol(HttpToolsProtocol):
    """Patient for so long, and no longer: uvicorn itself waits for the head of a request for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        with suppress(OSError, AttributeError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting():
            self._expect()
            self._head += len(data)
        super().data_received(data)
        if not self._waiting():
            self._arrived()
        elif self._head > LONGEST_HEAD:
            self.send_400_response("too long")

    def send_400_response(self, msg: str) -> None:
        self.transport.write(BAD_REQUEST)
        self.transport.close()

    def _waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        self._head = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
