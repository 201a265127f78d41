"""Ending a server."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from deepaw.errors import InputError
from deepaw.server.process.home import Home
from deepaw.server.process.instance import find_instance

CANCEL_SECONDS = 5.0
"""For a server to cancel what runs, once its time is up."""


def stop_server(home: Home, grace: float) -> str:
    """Ask the server of a home to finish what runs; what it has not done after `grace` seconds is cancelled.

    Returns how it went. Raises InputError: there is no server.
    """
    live = find_instance(home)
    if live is None or live.pid == 0:
        raise InputError(f"There is no server running in {home.path}.")
    start = time.monotonic()
    for number, seconds, how in (
        (signal.SIGTERM, grace, "what was running was finished"),
        (signal.SIGTERM, CANCEL_SECONDS, "what was running was cancelled"),
        (signal.SIGKILL, CANCEL_SECONDS, "it was killed"),
    ):
        with suppress(ProcessLookupError):
            os.kill(live.pid, number)
        if _ended(home, live.pid, seconds):
            return f"stopped the server with PID {live.pid} in {time.monotonic() - start:.1f} s; {how}"
    raise InputError(f"The server with PID {live.pid} does not end.")


def _ended(home: Home, pid: int, seconds: float) -> bool:
    """Waits until it has."""
    end = time.monotonic() + seconds
    while True:
        live = find_instance(home)
        if live is None or live.pid != pid:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
