"""One server for a home: whether one lives there, and which.

The file `server.pid` is locked as long as its server lives, and no longer; so a file left behind by one that was killed
is told from a live one's without asking whose process number that is now.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepaw.errors import InputError
from deepaw.server.process.home import Home

ATTEMPTS, PAUSE = 10, 0.03
"""Whoever asks whether a server lives holds the lock for a moment."""


@dataclass(frozen=True)
class Instance:
    """A live server: its process, its socket and its address ('' over the socket alone)."""

    pid: int
    socket: Path
    url: str


class Claim:
    """The right to be the server of a home, held until `release`. Raises InputError where there is one."""

    def __init__(self, home: Home) -> None:
        self._path = home.pid
        self._file = self._locked(home)

    def tell(self, socket: Path, url: str) -> None:
        """Write down who this is. Raises InputError: the file cannot be written."""
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n{socket}\n{url}\n")
            self._file.flush()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"The file {self._path} cannot be written: {reason}.") from None

    def release(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # what could not be written cannot be now
            self._file.close()

    def _locked(self, home: Home) -> IO[str]:
        for _ in range(ATTEMPTS):
            file = self._path.open("a+", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._path.exists() and os.fstat(file.fileno()).st_ino == self._path.stat().st_ino:
                    return file
            except BlockingIOError:
                pass
            file.close()
            time.sleep(PAUSE)
        live = find_instance(home)
        who = f"with PID {live.pid}, on {live.socket}" if live is not None else f"in {home.path}"
        raise InputError(
            f"A server is already running {who}; stop it with 'deepaw-server stop', or set DEEPAW_HOME for another."
        )


def find_instance(home: Home) -> Instance | None:
    """The server that lives in a home."""
    try:
        with home.pid.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                lines = [*file.read().splitlines(), "", "", ""]
    except OSError:
        return None
    return Instance(int(lines[0]) if lines[0].isdigit() else 0, Path(lines[1] or home.socket), lines[2])
