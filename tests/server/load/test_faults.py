"""Real servers under load, and when something breaks.

DEEPAW_LOAD_SECONDS, DEEPAW_LOAD_CLIENTS and DEEPAW_LOAD_SWAPS make the load longer: 60, 64 and 20 for a long run.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.density.engine import InferenceEngine
from deepaw.infer import DeepDipole, DeepPot
from deepaw.modelsource import file_hash
from deepaw.server import DeePAWClient
from deepaw.server.client import BusyError
from server.models import cluster, write_potential, write_tensor
from server.process.running import Machine, density_model

SECONDS = float(os.environ.get("DEEPAW_LOAD_SECONDS", "3"))
CLIENTS = int(os.environ.get("DEEPAW_LOAD_CLIENTS", "8"))
SWAPS = int(os.environ.get("DEEPAW_LOAD_SWAPS", "4"))

SHAPE = (12, 12, 12)
CRYSTAL = bulk("MgO", "rocksalt", 4.2)
POINTS = np.random.default_rng(0).random((40, 3)) * 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes of the server are looked up in /proc"),
]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for seed in (0, 1):
        density_model(tmp_path / f"mgo{seed}.safetensors", seed)
        write_potential(tmp_path / f"water{seed}.safetensors", seed + 1)
        write_tensor(tmp_path / f"dip{seed}.safetensors", "dipole", seed + 1)
    machine = Machine(tmp_path)
    machine.start("--model mgo0.safetensors --model water0.safetensors --model dip0.safetensors --no-http")
    yield machine
    machine.kill()


def crystal(number: int) -> Atoms:
    """One of a few that differ."""
    atoms = CRYSTAL.copy()
    atoms.set_cell(atoms.cell * (1 + 0.01 * number), scale_atoms=True)
    return atoms


def frame(kind: str, number: int) -> dict[str, Any]:
    """One of a few that differ, as a message of a kind."""
    work = cluster(number + 4, number + 4)
    return {"kind": kind, "coord": work.coord, "cell": work.cell, "types": work.types}


class Expected:
    """What the engine says, by kind of work, hash of the model and number."""

    def __init__(self, folder: Path) -> None:
        self.right: dict[tuple[str, str, int], np.ndarray] = {}
        for seed, number in np.ndindex(2, 4):
            path = folder / f"mgo{seed}.safetensors"
            engine = InferenceEngine(path)
            self.right["grid", file_hash(path), number] = engine.predict(crystal(number), SHAPE).density_3d
            self.right["points", file_hash(path), number] = engine.predict_at(crystal(number), POINTS)
            work = cluster(number + 4, number + 4)
            path = folder / f"water{seed}.safetensors"
            energy = DeepPot(path).eval(work.coord, work.cell, work.types)[0][0]
            self.right["potential", file_hash(path), number] = energy
            path = folder / f"dip{seed}.safetensors"
            dipole = DeepDipole(path).eval(work.coord, work.cell, work.types, atomic=False)
            self.right["dipole", file_hash(path), number] = dipole

    def check(self, kind: str, number: int, model: str, values: np.ndarray) -> None:
        """Raises AssertionError, and KeyError for an answer of a model that is none of that kind."""
        right = self.right[kind, model, number]
        loose = kind in ("grid", "points")
        np.testing.assert_allclose(values, right, rtol=1e-4 if loose else 1e-8, atol=1e-6 if loose else 1e-10)


def test_mixed_work_while_models_are_swapped(machine: Machine) -> None:
    """No answer is lost, wrong, or of another model than it says."""
    expected = Expected(machine.folder)
    socket = machine.home / "server.sock"
    end = time.monotonic() + SECONDS
    latencies: list[float] = []

    def work(number: int) -> Counter[tuple[str, str]]:
        generator = np.random.default_rng(number)
        seen: Counter[tuple[str, str]] = Counter()
        with DeePAWClient(socket) as client:
            while time.monotonic() < end:
                k = int(generator.integers(4))
                kind = ("grid", "points", "potential", "dipole")[generator.integers(4)]
                start = time.monotonic()
                if kind == "grid":
                    found = client.predict(crystal(k), SHAPE)
                    values = found["density_3d"]
                elif kind == "points":
                    found = client._infer({"kind": "density", "atoms": as_arrays(crystal(k)), "points": POINTS})
                    values = found["density"]
                else:
                    found = client._infer(frame(kind, k))
                    values = found["energy" if kind == "potential" else "tensor"]
                latencies.append(time.monotonic() - start)
                expected.check(kind, k, found["model"], values)
                seen[kind, found["model"]] += 1
        return seen

    with ThreadPoolExecutor(CLIENTS) as pool:
        workers = [pool.submit(work, number) for number in range(CLIENTS)]
        with DeePAWClient(socket) as client:
            for swap in range(SWAPS):
                for name in ("mgo", "water", "dip"):
                    path = machine.folder / f"{name}{(swap + 1) % 2}.safetensors"
                    assert client.update_model(path, f"{name}0")["hash"] == file_hash(path)
                time.sleep(max(0.0, end - time.monotonic()) / (SWAPS - swap + 1))
        seen = sum((worker.result() for worker in workers), Counter())
    median, most = np.quantile(latencies, (0.5, 0.99))
    print(f"{len(latencies)} answers, p50 {median:.2f} s, p99 {most:.2f} s, longest {max(latencies):.2f} s")
    assert seen.keys() == {(kind, model) for kind, model, _ in expected.right}
    state = DeePAWClient(socket).status()
    assert state["served"] == {"done": seen.total()}
    assert state["queue"] == {"queued": 0, "running": 0, "points": 0, "atoms": 0}


def test_a_worker_that_is_killed_mid_request(machine: Machine) -> None:
    """Its request is told so, the next waits for the new one."""
    socket = machine.home / "server.sock"
    pid = DeePAWClient(socket).status()["pid"]
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ended: list[httpx.Response] = []
    body = {"atoms": as_json(CRYSTAL), "grid_shape": [300, 300, 300]}
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://localhost") as http:
        asking = threading.Thread(target=lambda: ended.append(http.post("/predict", json=body, timeout=60)))
        asking.start()
        client = DeePAWClient(socket)
        while client.status()["queue"]["running"] == 0:
            time.sleep(0.02)
        os.kill(int(worker), signal.SIGKILL)
        asking.join(30)
    assert ended[0].status_code == 503
    assert ended[0].headers["Retry-After"]
    assert "ask again" in ended[0].json()["error"]
    assert np.isfinite(client.predict(CRYSTAL, SHAPE)["density_3d"]).all()
    state = client.status()
    assert (state["status"], state["restarts"]) == ("running", 1)
    assert state["pid"] == pid


def test_a_full_queue_says_so_at_once(machine: Machine) -> None:
    socket = machine.home / "server.sock"
    atoms = CRYSTAL.copy()
    atoms.rattle(0.05, seed=0)
    body = {"atoms": as_json(atoms), "grid_shape": [360, 360, 360], "wait": False}
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://localhost") as http:
        taken = []
        for _ in range(20):
            start = time.monotonic()
            answer = http.post("/predict", json=body, timeout=30)
            if answer.status_code != 202:
                break
            taken.append(answer.json()["id"])
        assert answer.status_code == 503
        assert time.monotonic() - start < 2
        assert int(answer.headers["Retry-After"]) >= 1
        assert "waiting" in answer.json()["error"]
        assert len(taken) >= 2
        with pytest.raises(BusyError):
            DeePAWClient(socket, timeout=30)._connection.ask("POST", "/predict", [answer.request.content], repeat=False)
        for id in taken:
            assert http.delete(f"/jobs/{id}").json()["state"] == "cancelled"
        small = {**body, "grid_shape": [4, 4, 4], "wait": True}
        assert http.post("/predict", json=small, timeout=60).status_code == 200


def test_bodies_that_are_too_long_are_answered(machine: Machine) -> None:
    """Though the client sends all of them before it listens."""
    transport = httpx.HTTPTransport(uds=str(machine.home / "server.sock"))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as http:
        for nbytes, kind in ((17_000_000, "json"), (270_000_000, "msgpack")):
            answer = http.post("/infer", content=bytes(nbytes), headers={"Content-Type": f"application/{kind}"})
            assert answer.status_code == 413
            assert "The body is longer than" in answer.json()["error"]
        pieces = (bytes(2**20) for _ in range(20))  # of which nobody says before how many there are
        answer = http.post("/infer", content=pieces, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


def as_arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    """As messages have it."""
    return {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array}


def as_json(atoms: Atoms) -> dict:
    """As requests have it."""
    return {"numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist(), "cell": atoms.cell.tolist()}
