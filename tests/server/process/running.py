"""Real servers in homes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig
from deepaw.server import DeePAWClient

POTENTIAL = Path(__file__).parents[2] / "potential" / "files" / "peer" / "activation_silu" / "model.dp"


def density_model(path: Path, seed: int = 0) -> None:
    """A small model of magnesium oxide, with weights that no training has seen."""
    torch.manual_seed(seed)
    config = ExpansionConfig(
        (8, 12), channels=4, lmax=1, sender_lmax=1, num_interactions=1, splines=SplineConfig((6, 4), (3.0, 3.0))
    )
    fitted = FittedAtoms((8, 12), SplineConfig((8,), (3.0,)), torch.ones(2, 8))
    DensityModel(ExpansionNetwork(config), fitted, {"O": 6.0, "Mg": 2.0}).save(path)


class Machine:
    """Runs commands in a folder, with DEEPAW_HOME in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.environment = {**os.environ, "DEEPAW_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        self.environment.pop("DEEPAW_API_KEY", None)

    def run(self, command: str, *arguments: str, code: int = 0) -> str:
        """Standard output, or the error where `code` is not 0."""
        programs = {"deepaw-server": "deepaw.cli.server", "deepaw-predict": "deepaw.cli.predict"}
        name, *rest = [*command.split(), *arguments]
        program = [sys.executable, "-c", f"from {programs[name]} import main; main()"] if name in programs else [name]
        done = subprocess.run(
            [*program, *rest],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr if code == 2 else done.stdout

    def start(self, arguments: str = "") -> dict[str, str]:
        """Start a daemon; what it says."""
        return rows(self.run(f"deepaw-server start --daemon --port 0 {arguments}"))

    def kill(self) -> None:
        """Stop the server, if there is one."""
        done = subprocess.run(
            [sys.executable, "-c", "from deepaw.cli.server import main; main()", "stop", "--grace", "0"],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 2)


def rows(text: str) -> dict[str, str]:
    """Lines of a name and a text."""
    return {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1].strip() for line in text.splitlines()}


def taken(client: DeePAWClient) -> int:
    """Requests that wait or run."""
    queue = client.status()["queue"]
    return queue["queued"] + queue["running"]


def wait_until(holds: Callable[[], bool]) -> None:
    """Fails after a while."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
