"""A server in the background: started, and waited for until it is ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deepaw.errors import InputError
from deepaw.server.process.config import ServerConfig
from deepaw.server.process.home import Home


def start_daemon(config: ServerConfig) -> str:
    """Start a server in a process of its own; returns what it says when it is ready.

    Raises InputError with the reason why it is not.
    """
    home = Home(Path(config.home))
    home.make()
    reader, writer = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepaw.server.process.daemon", str(writer), config.to_json()],
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=home.path,
        )
    finally:
        os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    try:
        said: dict[str, str] = json.loads(text)
    except ValueError:
        code = process.wait()
        raise InputError(f"The server ended while it started (exit code {code}); {home.log} may say more.") from None
    if "error" in said:
        raise InputError(said["error"])
    return said["ready"]


def main() -> None:
    """`python -m deepaw.server.process.daemon FD CONFIG`: serve, and tell once through FD how that began."""
    from deepaw.server.process.serve import serve  # the command that starts this has no use for it

    descriptor, config = int(sys.argv[1]), ServerConfig.from_json(sys.argv[2])
    os.set_inheritable(descriptor, False)
    told = False

    def tell(key: str, text: str) -> None:
        nonlocal told
        if not told:
            told = True
            with os.fdopen(descriptor, "w", encoding="utf-8") as pipe:
                json.dump({key: text}, pipe)

    try:
        serve(config, lambda text: tell("ready", text))
    except InputError as error:
        tell("error", str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
