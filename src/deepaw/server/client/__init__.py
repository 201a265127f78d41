"""Those who ask a server."""

from deepaw.server.client.calculator import DeePAWCalculator
from deepaw.server.client.client import DeePAWClient
from deepaw.server.client.errors import (
    AccessError,
    BusyError,
    FailedError,
    NotRunningError,
    RefusedError,
    ServerError,
    TookTooLongError,
)

__all__ = [
    "AccessError",
    "BusyError",
    "DeePAWCalculator",
    "DeePAWClient",
    "FailedError",
    "NotRunningError",
    "RefusedError",
    "ServerError",
    "TookTooLongError",
]
