"""What can go wrong on the way to a server and back."""

from __future__ import annotations

from deepaw.errors import InputError


class ServerError(InputError):
    """The server did not give an answer; the text is one sentence. status: of HTTP, None where none was given."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotRunningError(ServerError):
    """Nobody listens there."""


class AccessError(ServerError):
    """The key is missing or wrong, or the server may not read that file (401, 403)."""


class RefusedError(ServerError):
    """What was asked for is wrong, or too much (other 4xx)."""


class BusyError(ServerError):
    """The server is full, starting or stopping, or its worker ended (503); the same may be asked again.

    retry_after: seconds, as the server says.
    """

    retry_after = 1.0


class FailedError(ServerError):
    """A fault of the server, or an answer that is none."""


class TookTooLongError(ServerError):
    """No answer within the time given."""


def refusal(status: int, text: str, retry_after: str | None = None) -> ServerError:
    """The exception for an answer that is not 2xx."""
    if status in (401, 403):
        return AccessError(text, status)
    if status == 503:
        busy = BusyError(text, status)
        if retry_after is not None and retry_after.isdigit():
            busy.retry_after = float(retry_after)
        return busy
    if status == 504:
        return TookTooLongError(text, status)
    return RefusedError(text, status) if 400 <= status < 500 else FailedError(text, status)
