"""Long work on a real server that nobody wants any more."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from deepaw.server import DeePAWClient, dict_to_binary
from server.process.running import Machine, density_model, taken, wait_until

CRYSTAL = bulk("MgO", "rocksalt", 4.2)
CRYSTAL.rattle(0.05, seed=1)


@pytest.fixture
def machine(tmp_path) -> Iterator[Machine]:
    density_model(tmp_path / "mgo.safetensors")
    write(tmp_path / "POSCAR", CRYSTAL, format="vasp")
    machine = Machine(tmp_path)
    machine.start("--model mgo.safetensors --no-http")
    yield machine
    machine.kill()


@pytest.mark.slow
def test_a_stream_that_is_closed_in_the_middle(machine):
    client = DeePAWClient(machine.home / "server.sock", timeout=30.0)
    shape = (500, 500, 500)
    pieces = client.stream(CRYSTAL, shape)
    first = next(pieces)
    assert first["offset"] == 0
    assert len(first["values"]) < np.prod(shape) / 25
    assert taken(client) == 1
    pieces.close()
    wait_until(lambda: taken(client) == 0)
    assert client.status()["served"] == {"cancelled": 1}
    assert np.isfinite(client.predict(CRYSTAL, (4, 4, 4))["density_3d"]).all()

    # by somebody who never read any of it
    structure = {"numbers": CRYSTAL.numbers, "positions": CRYSTAL.positions, "cell": CRYSTAL.cell.array}
    body = dict_to_binary({"kind": "density", "atoms": structure, "grid_shape": shape})
    head = "POST /infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\n"
    head += f"Accept: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(machine.home / "server.sock"))
        connection.sendall(head.encode() + body)
        wait_until(lambda: client.status()["queue"]["running"] == 1)
        time.sleep(1.0)  # what is sent fills the buffers between the two
    wait_until(lambda: taken(client) == 0)
    assert client.status()["served"] == {"cancelled": 2, "done": 1}


@pytest.mark.slow
@pytest.mark.parametrize("points", [250, 400], ids=["one piece", "stream"])
def test_ctrl_c_cancels_on_the_server(machine, points):
    client = DeePAWClient(machine.home / "server.sock", timeout=30.0)
    program = [sys.executable, "-c", "from deepaw.cli.predict import main; main()"]
    asked = ["--poscar", "POSCAR", "--grid", *[str(points)] * 3, "-o", "CHGCAR"]
    with subprocess.Popen([*program, *asked], cwd=machine.folder, env=machine.environment, stderr=-1) as process:
        wait_until(lambda: taken(client) == 1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in error
    wait_until(lambda: taken(client) == 0)
    assert client.status()["served"] == {"cancelled": 1}
    assert sorted(path.name for path in machine.folder.iterdir()) == ["POSCAR", "home", "mgo.safetensors"]
