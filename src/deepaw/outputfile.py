"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepaw.errors import InputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_output(path: str | Path) -> Path:
    """The file that writing to `path` would create or replace, links followed.

    Meant to be asked before a long calculation whose result goes there. Raises InputError: the folder does not exist or
    may not be written to, or `path` is something other than a file.
    """
    asked, path = Path(path), Path(path).resolve()
    if not path.parent.is_dir():
        raise InputError(f"The folder {asked.parent} for the output {asked.name} does not exist; create it first.")
    if path.is_dir():
        raise InputError(f"The output {asked} is a folder; give the name of a file.")
    if path.exists() and not path.is_file():
        raise InputError(f"The output {asked} is a device; give the name of a file.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {asked.parent} for the output {asked.name} may not be written to.")
    return path


def check_folder(path: Path) -> None:
    """Refuse a folder to write into that neither exists nor can be made in a folder that does.

    Raises InputError: no parent folder, a file of that name, or no permission.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"The output folder {path} is a file; give the name of a folder.")
    if not path.exists() and not path.absolute().parent.is_dir():
        raise InputError(f"The folder {path.parent} for the output {path.name} does not exist; create it first.")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise InputError(f"The output folder {path} may not be written to.")


@contextmanager
def output_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to, which takes its place when the block ends without an error.

    After any error, Ctrl-C included, the temporary file is removed and what was at `path` before is untouched. Errors
    of the operating system, such as a full disk, are raised as InputError.
    """
    target = check_output(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with disk_errors(path):
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Raise errors of the operating system in the block, such as a full disk, as InputError about writing `path`."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in _NO_ROOM else (error.strerror or str(error)).lower()
        raise InputError(f"{path} cannot be written: {reason}; nothing was left behind.") from error
