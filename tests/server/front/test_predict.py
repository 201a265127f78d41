"""POST /predict and /v1/predict."""

import base64

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.db import connect

from deepaw.server.front.config import FrontConfig, Limits
from server.front.asking import MGO, Asking, asked, refused
from server.front.fake import HASH, density

GRID = {"atoms": MGO, "grid_shape": [2, 3, 4]}


@pytest.mark.parametrize("address", ["/predict", "/v1/predict"])
def test_density_of_atoms(address):
    async def steps(asking: Asking) -> None:
        response = await asking.http.post(address, json={**GRID, "include_uncertainty": False})
        assert response.status_code == 200
        found = response.json()
        values = np.frombuffer(base64.b64decode(found["density_b64"]), dtype="<f4").reshape(found["grid_shape"])
        assert np.array_equal(values, density((2, 3, 4)))
        assert found["atoms"] == MGO
        assert (found["elapsed"], found["model"], found["scale"]) == (0.1, HASH, 2.0)
        assert b'": ' not in response.content  # compact, as programs that look for `"density_b64":"` want it
        assert response.headers["x-model"] == HASH

    asked(steps)


def test_curl_says_another_type_unless_told():
    async def steps(asking: Asking) -> None:
        text = '{"atoms":{"numbers":[1],"positions":[[0,0,0]],"cell":[[3,0,0],[0,3,0],[0,0,3]]},"grid_shape":[2,2,2]}'
        for given in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
            assert (await asking.http.post("/v1/predict", content=text, headers=given)).status_code == 200

    asked(steps)


def test_row_of_a_database(tmp_path):
    with connect(tmp_path / "rows.db") as database:
        database.write(bulk("MgO", "rocksalt", 4.2), nx=2, ny=3, nz=4)
        database.write(bulk("MgO", "rocksalt", 4.2))

    async def steps(asking: Asking) -> None:
        for path in (str(tmp_path / "rows.db"), "rows.db"):
            response = await asking.http.post("/predict", json={"db_path": path, "db_id": 1})
            assert response.json()["grid_shape"] == [2, 3, 4]
        own = await asking.http.post("/predict", json={"db_path": path, "db_id": 2, "grid_shape": [2, 2, 2]})
        assert own.json()["grid_shape"] == [2, 2, 2]
        for row, said in ((2, "has no grid"), (3, "db_path has no row with id 3")):
            response = await asking.http.post("/predict", json={"db_path": str(tmp_path / "rows.db"), "db_id": row})
            refused(response, 422, said)
            assert str(tmp_path) not in response.text

    asked(steps, FrontConfig(data_dirs=(tmp_path,)))


def test_files_outside_the_data_folders(tmp_path):
    inside, outside = tmp_path / "data", tmp_path / "other"
    inside.mkdir()
    outside.mkdir()
    (outside / "rows.db").write_bytes(b"x")
    (inside / "link.db").symlink_to(outside / "rows.db")
    (inside / "loop.db").symlink_to(inside / "loop.db")
    (inside / "folder.db").mkdir()
    names = {
        str(outside / "rows.db"): 403,
        "../other/rows.db": 403,
        f"{inside}/../other/rows.db": 403,
        "link.db": 403,
        "/etc/passwd": 403,
        "none.db": 404,
        "folder.db": 404,
        "loop.db": 404,
        "a" * 4000: 404,
        "rows\0.db": 422,
    }

    async def steps(asking: Asking) -> None:
        for name, status in names.items():
            response = await asking.http.post("/predict", json={"db_path": name, "db_id": 1})
            refused(response, status, "db_path")
            assert ("--data-dir" in response.text) == (status == 403)
            assert str(tmp_path) not in response.text
            update = await asking.http.post("/update_model", json={"path": name})
            refused(update, status, "path")

    asked(steps, FrontConfig(data_dirs=(inside,)))

    async def without(asking: Asking) -> None:
        refused(await asking.http.post("/predict", json={"db_path": str(inside), "db_id": 1}), 403, "--data-dir")

    asked(without)


WRONG = {
    "nothing": ({}, "either db_path with db_id"),
    "both": ({**GRID, "db_path": "x"}, "either db_path with db_id"),
    "no grid": ({"atoms": MGO}, "grid_shape is needed"),
    "no row": ({"db_path": "x"}, "db_id is needed"),
    "unknown key": ({**GRID, "grid": 1}, "grid: "),
    "unknown key of atoms": ({**GRID, "atoms": {**MGO, "charge": 1}}, "atoms.charge"),
    "grid of two": ({**GRID, "grid_shape": [2, 2]}, "grid_shape"),
    "grid of none": ({**GRID, "grid_shape": [2, 2, 0]}, "grid_shape.2"),
    "element": ({**GRID, "atoms": {**MGO, "numbers": [12, 119]}}, "atoms.numbers.1"),
    "number": ({**GRID, "atoms": {**MGO, "numbers": [12]}}, "1 numbers and 2 positions"),
    "no cell": ({**GRID, "atoms": {**MGO, "cell": None, "pbc": False}}, "no cell"),
    "flat cell": ({**GRID, "atoms": {**MGO, "cell": [[1, 0, 0], [0, 1, 0], [1, 1, 0]]}}, "zero volume"),
    "one spot": ({**GRID, "atoms": {**MGO, "positions": [[0, 0, 0], [0, 0, 0]]}}, "one spot"),
    "far": ({**GRID, "atoms": {**MGO, "positions": [[0, 0, 0], [0, 0, 1e300]]}}, "1e+300"),
    "uncertainty": ({**GRID, "include_uncertainty": True}, "include_uncertainty"),
    "unseen": ({**GRID, "atoms": {**MGO, "numbers": [12, 79]}}, "never seen Au"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_content(name):
    async def steps(asking: Asking) -> None:
        refused(await asking.http.post("/predict", json=WRONG[name][0]), 422, WRONG[name][1])

    asked(steps)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite(number):
    async def steps(asking: Asking) -> None:
        text = f'{{"atoms":{{"numbers":[1],"positions":[[0,0,{number}]]}},"grid_shape":[2,2,2]}}'
        refused(await asking.http.post("/predict", content=text), 422, "finite")

    asked(steps)


def test_what_is_not_json():
    async def steps(asking: Asking) -> None:
        for text in (b"", b"{", b"\xff", b'{"a":' + b"9" * 10_000 + b"}", b"[" * 100_000):
            response = await asking.http.post("/predict", content=text)
            assert response.status_code in (400, 422)
            refused(response, response.status_code, "JSON")

    asked(steps)


def test_limits():
    limits = Limits(json=10_000, atoms=10, points=1000, answer_points=100, json_values=500)

    async def steps(asking: Asking) -> None:
        post = asking.http.post
        refused(await post("/predict", content=b" " * 10_001), 413, "longer than 10,000 bytes")
        refused(await post("/predict", content=b"[" * 600), 413, "too many values")
        crystal = bulk("MgO", "rocksalt", 4.2) * (6, 1, 1)
        many = {"numbers": crystal.numbers.tolist(), "positions": crystal.positions.tolist(), "pbc": False}
        refused(await post("/predict", json={"atoms": many, "grid_shape": [2, 2, 2]}), 413, "has 12 atoms")
        refused(await post("/predict", json={**GRID, "grid_shape": [10, 10, 11]}), 413, "takes 1,000")
        refused(await post("/predict", json={**GRID, "grid_shape": [10, 10, 2]}), 413, "ask /infer for a stream")
        assert not asking.scheduler.jobs

    asked(steps, FrontConfig(limits=limits))


def test_full_queue_unknown_model_and_time():
    async def steps(asking: Asking) -> None:
        refused(await asking.http.post("/predict", json={**GRID, "model": "slow"}), 404, "no model slow")
        asking.scheduler.hold.clear()
        refused(await asking.http.post("/predict", json=GRID), 504, "longer than 0.05 s")
        assert asking.scheduler.jobs[-1].state == "cancelled"
        asking.scheduler.full = True
        response = await asking.http.post("/predict", json=GRID)
        refused(response, 503, "Too many requests")
        assert response.headers["retry-after"] == "4"

    asked(steps, FrontConfig(limits=Limits(seconds=0.05)))


def test_a_mistake_of_the_server_tells_nothing(caplog):
    async def steps(asking: Asking) -> None:
        atoms = {**MGO, "numbers": [12, 113]}
        response = await asking.http.post("/predict", json={"atoms": atoms, "grid_shape": [2, 2, 2]})
        refused(response, 500, "made a mistake")
        assert "secret" not in response.text

    asked(steps)
    fault = next(record for record in caplog.records if record.msg == "fault")
    assert fault.fault.startswith("ZeroDivisionError at fake.py:")
    assert "secret" not in caplog.text


def test_molecules_have_a_box_but_no_periodicity():
    async def steps(asking: Asking) -> None:
        water = Atoms("OH2", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
        atoms = {"numbers": water.numbers.tolist(), "positions": water.positions.tolist(), "pbc": False}
        atoms["cell"] = [[5, 0, 0], [0, 5, 0], [0, 0, 5]]
        assert (await asking.http.post("/predict", json={"atoms": atoms, "grid_shape": [2, 2, 2]})).status_code == 200
        assert not asking.scheduler.jobs[0].work.structure.pbc.any()

    asked(steps)
