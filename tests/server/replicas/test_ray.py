"""Two replicas on a Ray of this machine; passed over where Ray is not installed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import pytest
from ase.build import bulk

from deepaw.density.engine import InferenceEngine
from deepaw.server import DeePAWClient
from deepaw.server.client import AccessError, RefusedError
from server.process.running import Machine, density_model, rows

COMMAND = [sys.executable, "-c", "from deepaw.cli.server import main; main()", "ray"]
HAS_RAY = find_spec("ray") is not None
CRYSTAL = bulk("MgO", "rocksalt", 4.2)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    density_model(tmp_path / "mgo.safetensors")
    return Machine(tmp_path)


@pytest.fixture
def replicas(machine: Machine) -> Iterator[tuple[str, str]]:
    """The address and a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"--replicas 2 --host 127.0.0.1 --port {port} --model mgo.safetensors".split()
    process = subprocess.Popen(
        [*COMMAND, *options], cwd=machine.folder, env=machine.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = rows("".join(process.stdout.readline() for _ in range(5)))
        assert said["replicas"] == "2"
        yield said["address"], Path(said["keys"]).read_text().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
def test_replicas(machine: Machine, replicas: tuple[str, str]) -> None:
    url, key = replicas
    expected = InferenceEngine(machine.folder / "mgo.safetensors").predict(CRYSTAL, (24, 24, 24)).density_3d
    with pytest.raises(AccessError, match="X-API-Key is missing"):
        DeePAWClient(url=url).status()
    assert httpx.get(f"{url}/health").json() == {"status": "running"}
    clients = [DeePAWClient(url=url, api_key=key) for _ in range(12)]
    pids = {client.status()["pid"] for client in clients}
    assert len(pids) == 2
    for client in clients[:4]:
        np.testing.assert_allclose(client.predict(CRYSTAL, (24, 24, 24))["density_3d"], expected, rtol=1e-5)
        # a job and a kept structure are at one replica, which all requests about them reach
        found = client.predict(CRYSTAL, (24, 24, 24), progress=lambda done, total: None)
        np.testing.assert_allclose(found["density_3d"], expected, rtol=1e-5)
        assert client.predict_at(None, np.zeros((3, 3)), structure=client.keep(CRYSTAL)).shape == (3,)
    pieces = list(clients[0].stream(CRYSTAL, (24, 24, 24)))
    assert sum(piece["values"].size for piece in pieces[:-1]) == 24**3
    with pytest.raises(RefusedError, match="one of several replicas"):
        clients[0].update_model("fast")
    os.kill(min(pids), signal.SIGKILL)
    end = time.monotonic() + 180
    while min(pids) in (now := {DeePAWClient(url=url, api_key=key).status()["pid"] for _ in range(12)}) or len(now) < 2:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
def test_what_cannot_start_says_why(machine: Machine) -> None:
    (machine.folder / "broken.safetensors").write_bytes(b"nothing")
    for arguments, said in (("--replicas 0", "--replicas is '0'"), ("--model broken.safetensors", "not a model file")):
        error = machine.run(f"deepaw-server ray {arguments}", code=2)
        assert error.startswith("error: ")
        assert said in error
        assert error.count("\n") == 1


def test_without_ray_it_says_what_to_install(machine: Machine) -> None:
    (machine.folder / "ray.py").write_text("raise ModuleNotFoundError(\"No module named 'ray'\", name='ray')\n")
    machine.environment["PYTHONPATH"] = str(machine.folder)
    error = machine.run("deepaw-server ray", code=2)
    assert error == "error: Replicas need ray; install it with: pip install 'deepaw[ray]'\n"
