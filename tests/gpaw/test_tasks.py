"""Many tasks at a time, some of which fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepaw.errors import InputError
from deepaw.gpaw.tasks import Failure, processors, run_tasks
from gpawcases import double, threads_of


@pytest.mark.parametrize("workers", [1, 3])
def test_results_and_failures(workers: int) -> None:
    results = dict(run_tasks(double, [1, 13, 14, 4, 15], workers))
    assert (results[0], results[3], results[4]) == (2, 8, 30)
    assert results[1] == Failure("ValueError: unlucky")
    assert results[2] == Failure("its process ended with the exit code 3")


def test_processors_are_shared() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    assert dict(run_tasks(threads_of, [0], 1)) == {0: str(processors())}
    assert dict(run_tasks(threads_of, [0], 1000)) == {0: "1"}
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_nothing_to_do_and_too_few_workers() -> None:
    assert list(run_tasks(double, [], 2)) == []
    with pytest.raises(InputError, match="--workers is 0; it must be 1 or more"):
        list(run_tasks(double, [1], 0))


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    """A worker that waits for its next task ends when the other end of its pipe is gone."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from deepaw.gpaw.tasks import run_tasks\n"
        "import gpawcases, time\n"
        "if __name__ == '__main__':\n"
        "    for _ in run_tasks(gpawcases.process_number, [0, 1], 1):\n"
        "        print(_[1], flush=True)\n"
        "        time.sleep(60)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen([sys.executable, str(script), tests], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _alive(worker)
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while _alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _alive(worker)


def test_ray() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    results = dict(run_tasks(double, [1, 13, 4], 2, ray=True))
    assert results == {0: 2, 1: Failure("ValueError: unlucky"), 2: 8}


def test_ray_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("The node timed out.\nMore of it.")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=refuse))
    with pytest.raises(InputError, match=r"Ray can neither be reached nor started: The node timed out; see"):
        list(run_tasks(double, [1], 1, ray=True))


def test_ray_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"--ray needs Ray; install it with: pip install 'deepaw\[ray\]'"):
        list(run_tasks(double, [1], 1, ray=True))


def _alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
