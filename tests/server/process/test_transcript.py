"""What people type, line after line, against a real server."""

import base64
import json
import stat
from collections.abc import Iterator

import numpy as np
import pytest
from ase.build import bulk
from ase.db import connect
from ase.io import write

from deepaw.density.engine import InferenceEngine
from deepaw.density.files.chgcar import read_chgcar
from deepaw.infer import DeepPot
from deepaw.server import DeePAWClient, binary_to_dict, dict_to_binary
from deepaw.server.client import AccessError, RefusedError
from server.process.running import POTENTIAL, Machine, density_model, rows

SHAPE = (5, 6, 7)


@pytest.fixture
def machine(tmp_path) -> Iterator[Machine]:
    data = tmp_path / "data"
    data.mkdir()
    density_model(data / "mgo.safetensors")
    density_model(data / "other.safetensors", seed=1)
    with connect(data / "rows.db") as database:
        database.write(bulk("MgO", "rocksalt", 4.2), nx=5, ny=6, nz=7)
    write(tmp_path / "POSCAR", bulk("MgO", "rocksalt", 4.2), format="vasp")
    machine = Machine(tmp_path)
    yield machine
    machine.kill()


def test_transcript(machine, monkeypatch):
    folder, home = machine.folder, machine.home
    monkeypatch.setenv("DEEPAW_HOME", str(home))
    engine = InferenceEngine(folder / "data" / "mgo.safetensors")
    crystal = bulk("MgO", "rocksalt", 4.2)
    expected = engine.predict(crystal, SHAPE).density_3d

    # deepaw-server start, status
    assert "not running" in machine.run("deepaw-server status", code=1)
    said = machine.start(f"--model data/mgo.safetensors --model {POTENTIAL} --data-dir data --host 127.0.0.1")
    assert said["mgo"].startswith("density")
    assert said["socket"] == str(home / "server.sock")
    assert said["address"].startswith("http://127.0.0.1:")
    assert said["ready"].startswith("after ")
    assert stat.S_IMODE((home / "server.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "api-keys").stat().st_mode) == 0o600
    state = rows(machine.run("deepaw-server status"))
    assert state["state"] == "running"
    assert state["pid"] == (home / "server.pid").read_text().split()[0]
    assert {"device", "uptime", "queue", "served", "memory"} <= set(state)
    refusal = machine.run("deepaw-server start", code=2)
    assert f"already running with PID {state['pid']}" in refusal

    # deepaw-predict
    for arguments, name in (
        ("--db data/rows.db --id 1", "CHGCAR"),
        ("--poscar POSCAR --grid 5 6 7", "rho.npy"),
        ("--poscar POSCAR --grid 5 6 7", "rho.cube"),
        ("--poscar POSCAR --like CHGCAR", "CHGCAR_2"),
    ):
        told = rows(machine.run(f"deepaw-predict {arguments} -o {name}"))
        assert "server.sock" in told["predicted"]
        assert "8 exact" in told["electrons"]
    assert np.allclose(read_chgcar(folder / "CHGCAR").density, expected, rtol=1e-5)
    assert np.allclose(np.load(folder / "rho.npy"), expected, rtol=1e-6)
    local = rows(
        machine.run("deepaw-predict --poscar POSCAR --grid 5 6 7 --local --model data/mgo.safetensors -o l.npy")
    )
    assert local["predicted"] == "in this process"
    assert np.allclose(np.load(folder / "l.npy"), expected, rtol=1e-6)
    write(folder / "gold.vasp", bulk("Au"), format="vasp")
    assert "never seen Au" in machine.run("deepaw-predict --poscar gold.vasp --grid 4 4 4", code=2)

    # curl, on each address, over the socket and over TCP
    curl = "curl -s --unix-socket home/server.sock http://localhost"
    tcp = f"curl -s {said['address']}"
    for there in (curl, tcp):
        status = json.loads(machine.run(f"{there}/status"))
        assert (status["status"], status["use_dual_model"]) == ("running", True)
        assert json.loads(machine.run(f"{there}/health"))["status"] == "running"
        assert json.loads(machine.run(f"{there}/v1/health"))["pid"] == status["pid"]
        assert len(json.loads(machine.run(f"{there}/model_info"))["models"]) == 2
        assert "deepaw_requests_total" in machine.run(f"{there}/metrics")
        assert json.loads(machine.run(f"{there}/openapi.json"))["info"]["title"] == "DeePAW"
        assert "<html" in machine.run(f"{there}/")
        atoms = {"numbers": [12, 8], "positions": crystal.positions.tolist(), "cell": crystal.cell.tolist()}
        for body in ({"db_path": "rows.db", "db_id": 1}, {"atoms": {**atoms, "pbc": [True] * 3}, "grid_shape": SHAPE}):
            for address in ("/predict", "/v1/predict"):
                asked = json.dumps({**body, "include_uncertainty": False}, separators=(",", ":"))
                if there == curl and "db_path" in body:
                    asked = asked.replace("rows.db", str(folder / "data" / "rows.db"))
                found = json.loads(machine.run(f"{there}{address}", "-d", asked))
                values = np.frombuffer(base64.b64decode(found["density_b64"]), "<f4").reshape(found["grid_shape"])
                assert np.allclose(values, expected, rtol=1e-6)
                assert found["model"] == status["models"][0]["hash"]
                assert np.allclose(found["atoms"]["positions"], crystal.positions)
        message = {"kind": "density", "atoms": {**atoms, "pbc": True}, "grid_shape": list(SHAPE)}
        (folder / "message").write_bytes(dict_to_binary(message))
        machine.run(f"{there}/infer --data-binary @message -o answer", "-H", "Content-Type: application/msgpack")
        assert np.allclose(binary_to_dict((folder / "answer").read_bytes())["density"], expected, rtol=1e-6)
        kept = json.loads(machine.run(f"{there}/structures", "--json", json.dumps({"atoms": atoms})))
        at = {"kind": "density", "structure": kept["handle"], "points": [[0.5, 0.5, 0.5]]}
        found = json.loads(machine.run(f"{there}/infer", "--json", json.dumps(at)))
        assert np.allclose(found["density"], engine.predict_at(crystal, [[0.5, 0.5, 0.5]]), rtol=1e-5)
        job = json.loads(machine.run(f"{there}/infer", "--json", json.dumps({**message, "wait": False})))
        done = json.loads(machine.run(f"{there}/jobs/{job['id']}?wait=10"))
        assert done["state"] == "done"
        assert json.loads(machine.run(f"{there}/jobs/{job['id']}", "-X", "DELETE"))["id"] == job["id"]
        assert "error" in json.loads(machine.run(f"{there}/jobs/{job['id']}"))
        assert "error" in json.loads(machine.run(f"{there}/nothing"))

    # Python
    for client in (DeePAWClient(), DeePAWClient(url=said["address"])):
        with client:
            assert client.is_running()
            assert client.status()["pid"] == int(state["pid"])
            row = client.predict(db_path=folder / "data" / "rows.db", db_id=1)
            assert row["density_3d"].shape == row["grid_shape"] == SHAPE
            assert np.allclose(row["atoms"].positions, crystal.positions)
            found = client.predict(atoms=crystal, grid_shape=SHAPE)
            assert np.allclose(found["density_3d"], expected, rtol=1e-6)
            assert found["density_flat"].shape == (210,)
            assert np.array_equal(
                client.predict(crystal, SHAPE, progress=lambda done, total: None)["density_3d"], found["density_3d"]
            )
            client.predict_chgcar(folder / "CHGCAR_3", atoms=crystal, grid_shape=SHAPE)
            assert np.allclose(read_chgcar(folder / "CHGCAR_3").density, expected, rtol=1e-5)
            handle = client.keep(crystal)
            points = np.random.default_rng(0).random((20, 3)) * 4
            assert np.allclose(
                client.predict_at(None, points, structure=handle), engine.predict_at(crystal, points), rtol=1e-5
            )
            *pieces, end = client.stream(crystal, SHAPE)
            values = np.concatenate([piece["values"] for piece in pieces]) * end["end"]["scale"]
            assert np.allclose(values.reshape(SHAPE), expected, rtol=1e-4)
            potential = DeepPot(POTENTIAL)
            coord, types = np.random.default_rng(1).random((3, 6, 3)) * 4, [0, 1, 1, 0, 1, 1]
            cell = np.tile(np.eye(3) * 8, (3, 1, 1))
            answers = (client.eval(coord, cell, types, atomic=True), potential.eval(coord, cell, types, True))
            for ours, theirs in zip(*answers, strict=True):
                assert np.allclose(ours, theirs, atol=1e-8)
            with pytest.raises(RefusedError, match="atom 6 has the type 9"):
                client.eval(coord, cell, [0, 1, 1, 0, 1, 9])
            with pytest.raises(RefusedError, match="one spot"):
                client.predict(atoms=crystal + crystal, grid_shape=SHAPE)
    with pytest.raises(AccessError, match="--data-dir"):
        DeePAWClient(url=said["address"]).predict(db_path="/etc/passwd", db_id=1)

    # another model, while it runs
    client = DeePAWClient()
    before = client.model_info()[0]["hash"]
    after = client.update_model(folder / "data" / "other.safetensors", "mgo")
    assert after["hash"] != before
    assert client.predict(atoms=crystal, grid_shape=SHAPE)["model"] == after["hash"]
    with pytest.raises(RefusedError, match="ends with"):
        client.update_model(folder / "POSCAR", "mgo")
    assert client.model_info()[0]["hash"] == after["hash"]

    # deepaw-server stop
    assert "finished" in machine.run("deepaw-server stop")
    assert "not running" in machine.run("deepaw-server status", code=1)
    assert sorted(path.name for path in home.iterdir()) == ["api-keys", "server.log"]
    assert not client.is_running()
    text = (home / "server.log").read_text()
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    assert (home / "api-keys").read_text().strip() not in text
    assert "Traceback" not in text
    assert "no server" in machine.run("deepaw-server stop", code=2)
