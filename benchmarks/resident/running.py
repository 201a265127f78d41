"""A server in a home of its own, and what it is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.spacegroup import crystal

from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.server import DeePAWClient

POTENTIAL = {
    "type_map": ["O", "H"],
    "descriptor": {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 0.5, "sel": [46, 92], "neuron": [25, 50, 100]},
    "fitting_net": {"neuron": [240, 240, 240]},
}

COMMAND = [sys.executable, "-W", "ignore", "-c", "from deepaw.cli.server import main; main()"]


@dataclass(frozen=True)
class Settings:
    """folder: for homes and model files. quick: few repetitions."""

    folder: Path
    quick: bool

    @property
    def potential(self) -> Path:
        """The file of the potential; made when it is asked for first."""
        path = self.folder / "water.safetensors"
        if not path.exists():
            torch.manual_seed(0)
            PotentialModel(ModelConfig.model_validate(POTENTIAL)).save(path)
        return path


@dataclass(frozen=True)
class Running:
    """seconds: from the command to the answer that it is ready. said: that answer."""

    socket: Path
    url: str
    seconds: float
    said: str

    def client(self, http: bool = False) -> DeePAWClient:
        """Over the socket, or over HTTP."""
        return DeePAWClient(url=self.url) if http else DeePAWClient(self.socket)


@contextmanager
def running(settings: Settings, *models: str, options: tuple[str, ...] = ()) -> Iterator[Running]:
    """A server with some models."""
    home = Path(tempfile.mkdtemp(prefix="home", dir=settings.folder))
    compiled = str(settings.folder / "compiled")
    environment = {**os.environ, "DEEPAW_HOME": str(home), "TORCHINDUCTOR_CACHE_DIR": compiled}
    asked = [part for model in models for part in ("--model", model)]
    command = [*COMMAND, "start", "--daemon", "--host", "127.0.0.1", "--port", "0", *asked, *options]
    start = time.perf_counter()
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if said.returncode != 0:
        sys.exit(said.stderr)
    lines = dict(line.split(maxsplit=1) for line in said.stdout.splitlines())
    try:
        yield Running(home / "server.sock", lines["address"].strip(), seconds, lines["ready"].strip())
    finally:
        stop = [*COMMAND, "stop", "--grace", "0"]
        subprocess.run(stop, env=environment, capture_output=True, check=False)


def fluorite() -> Atoms:
    """HfO2 with all its symmetry, 12 atoms."""
    return crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)


def rattled(seed: int, copies: int = 1) -> Atoms:
    """The same with every atom off its site: without symmetry, and another one for each seed."""
    atoms = fluorite().repeat(copies)
    atoms.rattle(0.05, seed=seed)
    return atoms


def small_frame(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (1, 10, 3), cell (1, 3, 3) and types (10,) of ten atoms in a box of 6 A."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:10] * 2.0
    return (grid + generator.normal(scale=0.1, size=grid.shape))[None], np.eye(3)[None] * 6.0, np.arange(10) % 2
