"""The process of a worker, begun.

Nothing but the standard library is needed here: the process imports what it works with while its server does the same.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Spawned:
    """connection: to the process, which ends with it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket


def spawn() -> Spawned:
    """Start one, which waits for its configuration."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepaw.server.worker.main", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    ours.setblocking(False)
    return Spawned(process, ours)
