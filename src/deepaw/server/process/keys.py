"""The keys that open a server from elsewhere."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from deepaw.errors import InputError
from deepaw.textfile import read_text

VARIABLE = "DEEPAW_API_KEYS"

SHORTEST = 16
"""Characters; shorter keys can be tried out."""


def server_keys(path: Path) -> tuple[str, ...]:
    """From the environment (DEEPAW_API_KEYS, with spaces or commas between), or else from a file with one a line.

    Where there is neither, a key is made and written to `path`, for its owner alone.

    Raises InputError: a file that others may read, that is not UTF-8 or that cannot be written, or a key that is too
    short.
    """
    if VARIABLE in os.environ:
        return _checked(os.environ[VARIABLE].replace(",", " ").split(), f"the variable {VARIABLE}")
    if not path.exists():
        return (_made(path),)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"{path} may be read by others; take that away with: chmod 600 {path}")
    return _checked(read_keys(path), str(path))


def read_keys(path: Path) -> list[str]:
    """The keys in a file; blank lines and those that begin with # are passed over."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _made(path: Path) -> str:
    """A new key, in a file of its own."""
    key = secrets.token_urlsafe(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(key + "\n")
        except OSError:
            path.unlink(missing_ok=True)  # an empty file would be taken for one without keys
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"The file {path} cannot be written: {reason}.") from None
    return key


def _checked(keys: list[str], where: str) -> tuple[str, ...]:
    if not keys:
        raise InputError(f"There is no key in {where}; at least one is needed.")
    for number, key in enumerate(keys, 1):
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable():
            raise InputError(f"Key {number} of {where} should be {SHORTEST} ASCII characters or more.")
    return tuple(keys)
