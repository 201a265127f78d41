"""What a server listens on."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from deepaw.errors import InputError
from deepaw.server.process.home import LONGEST_SOCKET

BACKLOG = 1024


def bind_unix(path: Path) -> socket.socket:
    """A socket that its owner alone may open; one that a killed server left behind is replaced.

    Raises InputError: somebody listens there, something else is there, or the path is too long.
    """
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        raise InputError(
            f"The path of the socket {path} is too long; give one of {LONGEST_SOCKET} bytes with --socket."
        )
    if path.is_symlink() or path.exists():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise InputError(f"{path} is there and is not a socket; give another with --socket.")
        if _answers(path):
            raise InputError(f"A server already listens on {path}; stop it, or give another with --socket.")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"The socket {path} cannot be made: {reason}; give another with --socket.") from None
    finally:
        os.umask(mask)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def bind_tcp(host: str, port: int) -> socket.socket:
    """A socket on an address of this machine; port 0 is any free one. Raises InputError where that is not possible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError):
        raise InputError(f"--host {host} with --port {port} is no address of this machine.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"Port {port} of {host} is taken by another program; choose another with --port, or --no-http."
            ) from None
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"--host {host} with --port {port} cannot be used: {reason}.") from None
    listener.setblocking(False)
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True
