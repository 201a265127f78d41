"""What happens to files that are written, for tests of any of them: a process that is killed, a full disk, pickles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Touching:
    """Unpickled, it makes a file `evil` in the working folder."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("touch evil",)

    def __repr__(self) -> str:
        return "Touching()"


def kill_while_writing(script: str, folder: Path, written: str, parts: str) -> None:
    """Run a script that writes a file again and again, and kill it once that file is there and a new one half-written.

    written: the name of the file, parts: of those that are being written, as a pattern.
    """
    writer = subprocess.Popen([sys.executable, "-c", script], cwd=folder)
    half = False
    while not half and writer.poll() is None:
        time.sleep(0.003)
        if (folder / written).exists():
            writer.send_signal(signal.SIGSTOP)
            time.sleep(0.001)
            half = any(part.stat().st_size for part in folder.glob(parts))
            writer.send_signal(signal.SIGKILL if half else signal.SIGCONT)
    assert writer.wait() == -signal.SIGKILL


def fill_the_disk(script: str, folder: Path) -> str:
    """What a script says, in which no file can have more than 1,000 bytes."""
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    )
    ended = subprocess.run([sys.executable, "-c", limit + script], cwd=folder, capture_output=True, text=True)
    return ended.stderr
