"""One writer for a data folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deepaw.errors import InputError
from deepaw.gpaw.data.folder import DataFolder
from deepaw.gpaw.data.lock import LOCK, lock_folder
from deepaw.gpaw.data.make import make_data
from deepaw.gpaw.data.settings import DataSettings

HOLDER = """
import sys, time
from pathlib import Path
from deepaw.gpaw.data.lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock of a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_second_run_is_told_who_writes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with holder(data) as process:
        says = f"data is being written by process {process.pid} on {socket.gethostname()}; wait until it ends"
        with pytest.raises(InputError, match=says):
            make_data(data, [], DataSettings(), 1)
        assert [path.name for path in data.iterdir()] == [LOCK]
        process.send_signal(signal.SIGKILL)
    # what it left behind is recognised
    assert (data / LOCK).exists()
    assert make_data(data, [], DataSettings(), 1) == {}
    assert not (data / LOCK).exists() and (data / "settings.json").exists()


def test_the_lock_lasts_as_long_as_the_block(tmp_path: Path) -> None:
    for _ in range(2):
        with lock_folder(tmp_path / "data"):
            assert (tmp_path / "data" / LOCK).read_text() == f"{os.getpid()} {socket.gethostname()}\n"
            with pytest.raises(InputError, match=f"process {os.getpid()} "), lock_folder(tmp_path / "data"):
                pass
            assert (tmp_path / "data" / LOCK).exists()
    with pytest.raises(KeyError), lock_folder(tmp_path / "data"):
        raise KeyError
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_of_something_else_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(InputError, match=r"has files but no settings.json"):
        make_data(tmp_path, [], DataSettings(), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_that_was_killed_at_its_very_beginning(tmp_path: Path) -> None:
    """Its folder holds the file of the lock alone."""
    (tmp_path / LOCK).write_text("")
    assert len(DataFolder(tmp_path, DataSettings())) == 0


@pytest.mark.parametrize("content", ["", "some text that is not of a run"])
def test_a_writer_that_does_not_say_its_name(tmp_path: Path, content: str) -> None:
    with lock_folder(tmp_path):
        (tmp_path / LOCK).write_text(content)
        with pytest.raises(InputError, match="is being written by another process"), lock_folder(tmp_path):
            pass
