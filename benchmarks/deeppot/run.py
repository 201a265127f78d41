"""Programs beside each other: what was asked for, and processes that answer one at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAIN = Path(__file__).parents[1] / "potential.py"
"""What runs in processes of its own, with --alone."""

REPLY = "@reply "


@dataclass
class Run:
    """What was asked for, where temporary files go, and what later parts need of earlier ones."""

    peer: Path
    water: Path
    folder: Path
    quick: bool
    peer_torch: Path | None = None
    """A Python with the peer's PyTorch backend, where it is another one."""
    members: list[str] = field(default_factory=list)
    """Of the family, that are asked for; all, if none is."""
    models: dict[str, Path] = field(default_factory=dict)
    """By precision: a folder with the peer's g.pb, gc.pb (compressed) and g.dp."""
    seconds_per_atom: dict[tuple[str, str], float] = field(default_factory=dict)
    """By program and precision, of evaluating the largest frame: the least."""

    def environment(self, threads: int, between: int = 1) -> dict[str, str]:
        """For children. between: operations that the peer's TensorFlow runs at a time."""
        counts = {"OMP_NUM_THREADS": threads, "DP_INTRA_OP_PARALLELISM_THREADS": threads}
        counts |= {"TF_INTRA_OP_PARALLELISM_THREADS": threads, "MKL_NUM_THREADS": threads}
        counts |= {"DP_INTER_OP_PARALLELISM_THREADS": between, "TF_INTER_OP_PARALLELISM_THREADS": between}
        quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        return os.environ | quiet | {name: str(count) for name, count in counts.items()}

    def dp(self, folder: Path, *arguments: str, threads: int = 1, between: int = 1) -> str:
        """Run the peer's program; what it said."""
        command = [str(self.peer.with_name("dp")), *arguments]
        environment = self.environment(threads, between)
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"'dp {' '.join(arguments)}' failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout + done.stderr


class Worker:
    """A process of its own, of either program, that answers requests one at a time."""

    def __init__(self, run: Run, python: Path | str, *arguments: str, threads: int = 1) -> None:
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", str(MAIN), "--alone", *arguments],
            env=run.environment(threads),
            cwd=run.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._name = " ".join(arguments)

    def try_to_ask(self, **request: Any) -> Any:
        """Its reply, or None if it stopped without one."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        for line in self._process.stdout:
            if line.startswith(REPLY):
                return json.loads(line[len(REPLY) :])
        return None

    def ask(self, **request: Any) -> Any:
        """Its reply."""
        reply = self.try_to_ask(**request)
        if reply is None:
            sys.exit(f"'{sys.executable} {MAIN} --alone {self._name}' stopped without an answer.")
        return reply

    def close(self) -> None:
        """Let it end."""
        if self._process.poll() is None:
            self._process.communicate()


def answer(function: Callable[..., Any]) -> None:
    """The other end of a `Worker`: reply to every line of the input."""
    for line in sys.stdin:
        print(REPLY + json.dumps(function(**json.loads(line))), flush=True)
