"""The folder with the files of a server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deepaw.errors import InputError

LONGEST_SOCKET = 100
"""Bytes in the path of a Unix socket, at most, on all systems."""


@dataclass(frozen=True)
class Home:
    """`~/.deepaw`, or what DEEPAW_HOME names."""

    path: Path

    @property
    def socket(self) -> Path:
        return self.path / "server.sock"

    @property
    def pid(self) -> Path:
        return self.path / "server.pid"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def keys(self) -> Path:
        return self.path / "api-keys"

    @property
    def compiled(self) -> Path:
        """A folder."""
        return self.path / "compiled"

    def make(self) -> None:
        """Make the folder, for its owner alone, where there is none. Raises InputError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"The folder {self.path} cannot be made: {reason}; DEEPAW_HOME names another.") from None


def find_home() -> Home:
    """The folder, which need not be there yet."""
    given = os.environ.get("DEEPAW_HOME")
    return Home(Path(given).expanduser().absolute() if given else Path.home() / ".deepaw")
