"""Messages that nobody meant as requests, to a real server whose memory is watched.

DEEPAW_FUZZ makes it longer: 10000 for a long run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from ase.build import bulk

from deepaw.server import DeePAWClient
from server.front.asking import MSGPACK
from server.models import write_potential, write_tensor
from server.process.running import Machine, density_model

hypothesis = pytest.importorskip("hypothesis")
from server.messages.test_fuzz import anything  # noqa: E402

EXAMPLES = int(os.environ.get("DEEPAW_FUZZ", "100"))
EVERY = 100
"""Messages between two looks at the memory."""

MOST = 100 * 2**20
"""Bytes above those at rest."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is looked up in /proc")]

ACCEPT = ("application/msgpack", "application/json", "application/octet-stream")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    density_model(tmp_path / "mgo.safetensors")
    write_potential(tmp_path / "water.safetensors")
    write_tensor(tmp_path / "dip.safetensors")
    machine = Machine(tmp_path)
    machine.start("--model mgo.safetensors --model water.safetensors --model dip.safetensors --no-http")
    yield machine
    machine.kill()


def test_a_server_stands_it(machine: Machine) -> None:
    socket = machine.home / "server.sock"
    client = DeePAWClient(socket)
    crystal = bulk("MgO", "rocksalt", 4.2)
    right = client.predict(crystal, (12, 12, 12))["density_3d"]
    before, pid = memory(client), client.status()["pid"]
    most, answered = dict(before), Counter[int]()
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://localhost", timeout=20) as http:

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
        )
        @hypothesis.given(anything)
        def send(data: bytes) -> None:
            accept = ACCEPT[answered.total() % len(ACCEPT)]
            answer = http.post("/infer", content=data, headers={**MSGPACK, "Accept": accept})
            answered[answer.status_code] += 1
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                error = answer.json()["error"]
                assert error.endswith(".") and "\n" not in error and len(error) < 500
            if answer.status_code == 202:
                http.delete(f"/jobs/{answer.json()['id']}")
            if answered.total() % EVERY == 0:
                for process, nbytes in memory(client).items():
                    most[process] = max(most.get(process, 0), nbytes)

        send()
    print(dict(answered), {process: (nbytes - before[process]) // 2**20 for process, nbytes in most.items()})
    assert most.keys() == before.keys(), "a worker was replaced"
    for process, nbytes in most.items():
        assert nbytes - before[process] < MOST, process
    assert (client.status()["pid"], client.status()["restarts"]) == (pid, 0)
    np.testing.assert_array_equal(client.predict(crystal, (12, 12, 12))["density_3d"], right)


def memory(client: DeePAWClient) -> dict[str, int]:
    """Bytes of the server's process and of its workers, by process number."""
    pid = client.status()["pid"]
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    size = os.sysconf("SC_PAGE_SIZE")
    pages = {process: Path(f"/proc/{process}/statm").read_text().split()[1] for process in [str(pid), *workers]}
    return {process: int(count) * size for process, count in pages.items()}
