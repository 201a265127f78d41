"""One writer for a data folder.

The file `.lock` in the folder is locked for as long as its writer lives, and no longer: the system gives the lock back
when the process ends, however it ends. So a file that a killed run left behind is no obstacle.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepaw.errors import InputError
from deepaw.outputfile import check_folder, disk_errors

LOCK = ".lock"


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Make the folder `path` if need be, and keep other runs from writing into it while the block lasts.

    Raises InputError: another process writes into it, or it cannot be made or written to.
    """
    check_folder(path)
    with disk_errors(path):
        path.mkdir(exist_ok=True)
        descriptor = _acquire(path)
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
    try:
        yield
    finally:
        (path / LOCK).unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """Descriptor of the locked file."""
    while True:
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            writer = os.read(descriptor, 1000).decode(errors="replace").split()
            os.close(descriptor)
            raise InputError(_message(path, writer)) from None
        if _is_same_file(descriptor, path / LOCK):
            return descriptor
        os.close(descriptor)  # the writer before removed it between the two calls


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _message(path: Path, writer: list[str]) -> str:
    who = f"process {writer[0]} on {writer[1]}" if len(writer) == 2 else "another process"
    return f"{path} is being written by {who}; wait until it ends, or give the name of another folder."
