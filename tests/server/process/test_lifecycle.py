"""Starting and stopping real servers where something is in the way."""

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest
from ase.build import bulk

from deepaw.server import DeePAWClient
from deepaw.server.client import NotRunningError
from server.process.running import Machine, density_model, taken, wait_until

CRYSTAL = bulk("MgO", "rocksalt", 4.2)


@pytest.fixture
def machine(tmp_path) -> Iterator[Machine]:
    density_model(tmp_path / "mgo.safetensors")
    machine = Machine(tmp_path)
    yield machine
    machine.kill()


@pytest.mark.slow
def test_a_killed_server_leaves_nothing_in_the_way(machine):
    machine.start("--model mgo.safetensors --no-http")
    pid = int((machine.home / "server.pid").read_text().split()[0])
    client = DeePAWClient(machine.home / "server.sock")
    workers = client.status()
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert (machine.home / "server.sock").exists()
    assert "not running" in machine.run("deepaw-server status", code=1)
    with pytest.raises(NotRunningError, match="deepaw-server start"):
        client.status()
    said = machine.start("--model mgo.safetensors --no-http")
    assert "address" not in said
    assert client.status()["pid"] != workers["pid"]  # the client finds the new one by itself


def test_what_cannot_start_says_why(machine):
    (machine.folder / "broken.safetensors").write_bytes(b"nothing")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = f"deepaw-server start --daemon --host 127.0.0.1 --port {port}"
        assert f"Port {port} of 127.0.0.1 is taken" in machine.run(command, code=2)
    for arguments, said in (
        ("--model broken.safetensors", "not a model file"),
        ("--model none", "no model none"),
        ("--device abacus", "cpu, cuda or cuda:N"),
        ("--precision best", "--precision is 'best'"),
        ("--data-dir none", "--data-dir none is not a folder"),
        ("--host nowhere.invalid", "no address of this machine"),
        (f"--socket {machine.folder}/mgo.safetensors", "is not a socket"),
    ):
        error = machine.run(f"deepaw-server start --daemon --port 0 {arguments}", code=2)
        assert error.startswith("error: ")
        assert said in error
        assert error.count("\n") == 1
    assert not (machine.home / "server.pid").exists()
    assert not (machine.home / "server.sock").exists()
    assert (machine.folder / "mgo.safetensors").is_file()


@pytest.mark.slow
def test_stop_lets_what_runs_finish_and_cancels_what_takes_longer(machine):
    machine.start("--model mgo.safetensors --no-http")
    client = DeePAWClient(machine.home / "server.sock")
    pieces = client.stream(CRYSTAL, (300, 300, 300))
    next(pieces)
    start = time.monotonic()
    assert "cancelled" in machine.run("deepaw-server stop --grace 0.5")
    assert time.monotonic() - start < 15
    with pytest.raises(Exception, match=r"cancelled|broke|cut off"):
        list(pieces)


@pytest.mark.slow
def test_slow_and_broken_requests_and_a_full_disk(machine):
    """One server for what does not disturb one another."""
    said = machine.start("--model mgo.safetensors --host 127.0.0.1")
    port = int(said["address"].rsplit(":", 1)[1])
    client = DeePAWClient(machine.home / "server.sock")
    pid = client.status()["pid"]

    def answer(sent: bytes, patience: float) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
            connection.sendall(sent)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    head, body = answer(b"this is not http\r\n\r\n", 5).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert "error" in json.loads(body)
    assert b"error" in answer(b"GET /status HTTP/1.1\r\n" + b"X: " + b"a" * 100_000, 5)
    start = time.monotonic()
    assert answer(b"GET /status HTTP/1.1\r\nHost: localhost\r\n", 30) == b""
    assert 5 < time.monotonic() - start < 25

    # whoever goes away before the answer is there is not waited for
    with socket.create_connection(("127.0.0.1", port)) as connection:
        atoms = {"numbers": [12, 8], "positions": [[0, 0, 0], [2.0, 2.15, 2.22]], "cell": CRYSTAL.cell.tolist()}
        text = json.dumps({"atoms": atoms, "grid_shape": [250, 250, 250]})
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n\r\n"
        connection.sendall((head + text).encode())
        wait_until(lambda: taken(client) == 1)
    wait_until(lambda: taken(client) == 0)
    assert client.status()["served"] == {"cancelled": 1}

    # the log cannot be written any more: a file of its length is longer than the process may write
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1))
    assert np.isfinite(client.predict(CRYSTAL, (4, 4, 4))["density_3d"]).all()
    assert client.status()["status"] == "running"
