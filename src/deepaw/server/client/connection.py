"""Requests over a Unix socket or TCP; connections are kept, one for each thread."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deepaw.server.client.errors import (
    BusyError,
    FailedError,
    NotRunningError,
    ServerError,
    TookTooLongError,
    refusal,
)

ATTEMPTS = 4
"""How often the same is asked, where asking again is safe and the server was busy or gone."""

LONGEST_PAUSE = 5.0
"""Seconds before asking a busy server again, whatever it says."""

Body = Sequence[bytes | memoryview]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Connection:
    """Where a server is, and how to talk to it. Raises ServerError where `url` is none."""

    def __init__(self, socket_path: Path | None, url: str | None, api_key: str | None, timeout: float) -> None:
        self._socket, self._timeout = socket_path, timeout
        self._url = urlsplit(url or "")
        if url is not None and (self._url.scheme not in ("http", "https") or not self._url.hostname):
            raise ServerError(f"The address {url} should be like http://host:8265.")
        self.where = url if url is not None else str(socket_path)
        self._headers = {"X-Client": _client_name()}
        if api_key:
            self._headers["X-API-Key"] = api_key
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _local=threading.local(), _headers={**state["_headers"], "X-Client": _client_name()})

    def ask(
        self, method: str, path: str, body: Body = (), headers: Mapping[str, str] | None = None, *, repeat: bool = True
    ) -> tuple[int, bytes]:
        """Status and body of an answer of 2xx.

        repeat: whether the same may be asked again where the server was busy or the connection broke: what is only
        computed may be, what changes the server may not.

        Raises ServerError, of the kind that fits.
        """
        if not repeat:  # the server may be about to close a kept connection, and nobody knew whether it had read this
            self.close()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._answer(self._connection(), method, path, body, headers) as response:
                    return response.status, response.read()
            except BusyError as error:
                if not repeat or attempt == ATTEMPTS:
                    raise
                time.sleep(min(LONGEST_PAUSE, error.retry_after))
            except _BrokenError as error:
                if not repeat or attempt == ATTEMPTS:
                    raise FailedError(str(error)) from None
            except (http.client.HTTPException, OSError) as error:
                self.close()
                raise self._failure(error) from None
        raise AssertionError

    def ask_json(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        repeat: bool = True,
    ) -> Any:
        """As `ask`, with JSON both ways."""
        sent = [] if body is None else [json.dumps(body).encode()]
        _, found = self.ask(method, path, sent, {"Content-Type": "application/json", **(headers or {})}, repeat=repeat)
        try:
            return json.loads(found)
        except ValueError:
            raise FailedError(f"What answers on {self.where} is no server of this kind.") from None

    @contextmanager
    def stream(
        self, method: str, path: str, body: Body = (), headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer of 2xx, yet to be read, on a connection of its own; leaving it closes that. Raises ServerError."""
        connection = self._made()
        try:
            yield self._answer(connection, method, path, body, headers)
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection of this thread; the server takes it that nobody waits for an answer any more."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _answer(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Body,
        headers: Mapping[str, str] | None,
    ) -> http.client.HTTPResponse:
        """An answer of 2xx, yet to be read. Raises ServerError, and closes the connection where that is broken."""
        every = {**self._headers, **(headers or {}), "Content-Length": str(sum(len(part) for part in body))}
        try:
            connection.request(method, path, iter(body) if body else None, every)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            raise _BrokenError(f"The server on {self.where} broke the connection off.") from None
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            raise self._failure(error) from None
        if response.status >= 300:
            raise refusal(response.status, _said(response), response.headers.get("Retry-After"))
        return response

    def _connection(self) -> http.client.HTTPConnection:
        kept = getattr(self._local, "connection", None)
        if kept is None:
            kept = self._local.connection = self._made()
        return kept

    def _made(self) -> http.client.HTTPConnection:
        if self._socket is not None:
            return _UnixConnection(self._socket, self._timeout)
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.hostname or "", self._url.port, timeout=self._timeout)

    def _failure(self, error: Exception) -> ServerError:
        if isinstance(error, TimeoutError):
            return TookTooLongError(f"The server on {self.where} gave no answer within {self._timeout:g} s.")
        if isinstance(error, FileNotFoundError | ConnectionRefusedError | socket.gaierror):
            return NotRunningError(f"No server is running on {self.where}; start one with: deepaw-server start")
        if isinstance(error, OSError):
            return FailedError(
                f"The server on {self.where} cannot be reached: {(error.strerror or str(error)).lower()}."
            )
        return FailedError(f"What answers on {self.where} is no server of this kind.")


class _BrokenError(FailedError):
    """The connection ended before an answer began, as kept ones do when a server ends."""


def _client_name() -> str:
    """Return a name by which a server tells clients apart."""
    return f"{os.getpid()}-{secrets.token_hex(3)}"


def _said(response: http.client.HTTPResponse) -> str:
    try:
        return str(json.loads(response.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered with the status {response.status}."
