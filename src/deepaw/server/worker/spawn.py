"""The process of a worker, begun.

Nothing but the standard library is needed here: the process imports what it works with while its server does the same.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Spawned:
    """connection: to the process, which ends with it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket


def spawn(compiled: Path | None = None) -> Spawned:
    """Start one, which waits for its configuration; compiled: where torch keeps what it compiles."""
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if compiled is not None:
        environment.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compiled))
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepaw.server.worker.main", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    ours.setblocking(False)
    return Spawned(process, ours)
