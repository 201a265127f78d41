"""POST /infer, /structures and /jobs."""

import asyncio
import io

import numpy as np
import pytest

from deepaw.server import binary_to_dict
from deepaw.server.front.config import FrontConfig, Limits
from deepaw.server.messages.stream import read_stream
from server.front.asking import MGO, Asking, asked, refused
from server.front.fake import HASH, density

ATOMS = {key: np.array(value) for key, value in MGO.items()}
GRID = {"kind": "density", "atoms": ATOMS, "grid_shape": [4, 5, 6]}
FRAMES = {"kind": "potential", "coord": np.arange(12.0).reshape(2, 2, 3), "types": np.array([0, 1])}
STREAM = {"Accept": "application/octet-stream"}


def test_densities():
    async def steps(asking: Asking) -> None:
        grid = await asking.inferred(GRID)
        assert np.array_equal(grid["density"], density((4, 5, 6)))
        assert (grid["model"], grid["electrons_exact"]) == (HASH, 8.0)
        assert grid["outside_training"] == ["everything"]
        assert "occupancies" not in grid
        assert (await asking.inferred({**GRID, "occupancies": True}))["occupancies"] == {"text": "blocks"}
        points = np.random.default_rng(0).random((7, 3))
        assert np.allclose(
            (await asking.inferred({"kind": "density", "atoms": ATOMS, "points": points}))["density"], points[:, 0]
        )

    asked(steps)


def test_potentials():
    async def steps(asking: Asking) -> None:
        cell = np.eye(3) * 5
        found = await asking.inferred({**FRAMES, "cell": cell, "atomic": True})
        assert np.array_equal(found["energy"], FRAMES["coord"].sum(axis=(1, 2)))
        assert np.array_equal(found["force"], FRAMES["coord"] * 2)
        assert np.array_equal(found["virial"], [cell, cell])
        assert found["atom_energy"].shape == (2, 2)
        alone = await asking.inferred({"kind": "potential", "coord": np.ones((2, 3)), "numbers": [1, 8]})
        assert alone["energy"].shape == (1,)
        assert "atom_energy" not in alone

    asked(steps)


def test_json_in_is_json_out():
    async def steps(asking: Asking) -> None:
        frames = {"kind": "potential", "coord": [[0, 0, 0], [1, 1, 1]], "types": [0, 0]}
        response = await asking.http.post("/infer", json=frames)
        assert response.json()["force"] == [[[0, 0, 0], [2, 2, 2]]]
        binary = await asking.http.post("/infer", json=frames, headers={"Accept": "application/msgpack"})
        assert binary_to_dict(binary.content)["force"].shape == (1, 2, 3)
        asking.http.headers["Accept"] = "application/json"
        assert (await asking.infer(FRAMES)).json()["kind"] == "potential"

    asked(steps)


def test_streams():
    async def steps(asking: Asking) -> None:
        response = await asking.infer(GRID, **STREAM)
        assert response.headers["content-type"] == "application/octet-stream"
        head, *tiles, end = read_stream(io.BytesIO(response.content).read)
        assert (head["shape"], head["dtype"]) == ([4, 5, 6], "<f4")
        assert head["job"] == response.headers["x-job-id"]
        values = np.zeros(120, dtype="<f4")
        for tile in tiles:
            values[tile["offset"] : tile["offset"] + len(tile["values"])] = tile["values"]
        assert np.array_equal(values.reshape(4, 5, 6), density((4, 5, 6)))
        assert (end["end"]["scale"], end["end"]["model"]) == (2.0, HASH)
        assert asking.scheduler.jobs[0].work.stream

    asked(steps)


def test_a_stream_tells_how_far_it_is_and_what_went_wrong():
    async def steps(asking: Asking) -> None:
        asking.scheduler.hold.clear()
        stream = asyncio.ensure_future(asking.infer(GRID, **STREAM))
        while not asking.scheduler.jobs:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.8)
        asking.scheduler.jobs[0].cancel()
        _, *reports, end = read_stream(io.BytesIO((await stream).content).read)
        assert {"progress": [0, 10]} in reports
        assert end == {"error": "The job was cancelled.", "status": 409}
        slow = read_stream(io.BytesIO((await asking.infer(GRID, **STREAM)).content).read)
        assert "longer than 2 s" in list(slow)[-1]["error"]
        assert asking.scheduler.jobs[1].state == "cancelled"

    asked(steps, FrontConfig(limits=Limits(seconds=2)))


def test_handles():
    async def steps(asking: Asking) -> None:
        for sent in ({"json": {"atoms": MGO}},):
            kept = (await asking.http.post("/structures", **sent)).json()
            assert kept["natoms"] == 2
            found = await asking.inferred({"kind": "density", "structure": kept["handle"], "points": np.zeros((2, 3))})
            assert found["density"].shape == (2,)
        refused(await asking.infer({"kind": "density", "structure": "none", "points": np.zeros((1, 3))}), 404, "handle")
        refused(await asking.http.post("/structures", json={"atoms": {"numbers": [1]}}), 422, "positions")
        refused(await asking.http.post("/structures", json={"atoms": MGO, "x": 1}), 422, "'x'")

    asked(steps)


def test_jobs_are_asked_about_fetched_and_cancelled():
    async def steps(asking: Asking) -> None:
        asking.scheduler.hold.clear()
        response = await asking.infer({**GRID, "wait": False})
        assert response.status_code == 202
        job = f"/jobs/{response.json()['id']}"
        assert (await asking.http.get(job)).json() == {
            "id": job[6:],
            "state": "queued",
            "done": 0,
            "total": 10,
            "error": None,
        }
        refused(await asking.http.get(f"{job}/answer"), 409, "not done yet")
        asking.scheduler.hold.set()
        await asyncio.sleep(0.01)
        assert (await asking.http.get(job)).json()["state"] == "done"
        assert binary_to_dict((await asking.http.get(f"{job}/answer")).content)["density"].shape == (4, 5, 6)
        refused(await asking.http.get(f"{job}/answer"), 404, "Somebody waits")
        asking.scheduler.hold.clear()
        later = (await asking.http.post("/predict", json={"atoms": MGO, "grid_shape": [2, 2, 2], "wait": False})).json()
        assert (await asking.http.delete(f"/jobs/{later['id']}")).json()["state"] == "cancelled"
        refused(await asking.http.get("/jobs/none"), 404, "no such job")

    asked(steps)


def test_jobs_of_others_are_not_shown():
    async def steps(asking: Asking) -> None:
        mine = (await asking.infer({**GRID, "wait": False}, **{"X-API-Key": "a"})).json()["id"]
        assert (await asking.http.get(f"/jobs/{mine}", headers={"X-API-Key": "a"})).status_code == 200
        refused(await asking.http.get(f"/jobs/{mine}", headers={"X-API-Key": "b"}), 404, "no such job")
        refused(await asking.http.delete(f"/jobs/{mine}", headers={"X-API-Key": "b"}), 404, "no such job")

    asked(steps, FrontConfig(keys=("a", "b")), ("10.0.0.1", 5))


WRONG = {
    "kind": ({"kind": "phonon"}, "kind"),
    "no kind": ({}, "kind"),
    "neither": ({"kind": "density", "atoms": ATOMS}, "grid_shape or at points"),
    "no atoms": ({"kind": "density", "grid_shape": [2, 2, 2]}, "one of atoms, the handle"),
    "atoms": ({**GRID, "atoms": 3}, "atoms should be a map"),
    "numbers": ({**GRID, "atoms": {**ATOMS, "numbers": np.ones(2)}}, "whole numbers"),
    "element": ({**GRID, "atoms": {**ATOMS, "numbers": np.array([12, 0])}}, "atom 2 has the atomic number 0"),
    "text": ({**GRID, "atoms": {**ATOMS, "positions": "x"}}, "positions should be an array of numbers"),
    "ragged": ({**GRID, "atoms": {**ATOMS, "positions": [[1, 2, 3], [1]]}}, "rows of one length"),
    "nan": ({**GRID, "atoms": {**ATOMS, "positions": np.full((2, 3), np.nan)}}, "not finite"),
    "shape": ({**GRID, "atoms": {**ATOMS, "positions": np.zeros((3, 2))}}, "(3, 2); it should be (n, 3)"),
    "grid": ({**GRID, "grid_shape": [2, 2, -2]}, "three positive"),
    "big grid": ({**GRID, "grid_shape": [2, 2, 2**63]}, "grid_shape"),
    "points": ({"kind": "density", "atoms": ATOMS, "points": np.zeros(3)}, "(3,)"),
    "extra": ({**GRID, "gird": 1}, "'gird' is not a key"),
    "raw": ({**GRID, "raw": 1}, "raw should be true or false"),
    "model": ({**GRID, "model": 1}, "model should be a text"),
    "no coord": ({"kind": "potential", "types": [0]}, "coord"),
    "no atoms at all": ({**FRAMES, "coord": np.zeros((0, 0, 3))}, "one atom or more"),
    "types": ({**FRAMES, "types": np.array([0])}, "types has the shape (1,)"),
    "no element": ({"kind": "potential", "coord": np.zeros((1, 2, 3)), "numbers": [1, -1]}, "number -1"),
    "types and numbers": ({**FRAMES, "numbers": np.array([1, 1])}, "either types"),
    "cell": ({**FRAMES, "cell": np.zeros((3, 3, 3))}, "cell has the shape"),
    "infinite": ({**FRAMES, "coord": np.full((2, 2, 3), np.inf)}, "not finite"),
    "pbc": ({**FRAMES, "pbc": [True, False]}, "pbc"),
    "ragged pbc": ({**FRAMES, "pbc": [[True, False], True, True]}, "pbc should be true or false"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_content(name):
    async def steps(asking: Asking) -> None:
        refused(await asking.infer(WRONG[name][0]), 422, WRONG[name][1])

    asked(steps)


def test_what_is_no_message():
    async def steps(asking: Asking) -> None:
        post = asking.http.post
        refused(await post("/infer", content=b"\xc1", headers={"Content-Type": "application/msgpack"}), 400, "0xc1")
        refused(await post("/infer", content=b"x", headers={"Content-Type": "application/json"}), 400, "not JSON")
        refused(await post("/infer", content=b"[]", headers={"Content-Type": "application/json"}), 400, "object")
        refused(
            await post("/infer", content=b"cos\nsystem", headers={"Content-Type": "application/pickle"}), 415, "Type"
        )
        refused(await asking.infer(FRAMES, **STREAM), 422, "streamed")
        refused(await asking.infer({**GRID, "wait": False}, **STREAM), 422, "wait")

    asked(steps)


def test_limits():
    async def steps(asking: Asking) -> None:
        refused(await asking.infer({**FRAMES, "coord": np.zeros((6, 2, 3))}), 413, "12 atoms")
        refused(await asking.infer({"kind": "density", "atoms": ATOMS, "points": np.zeros((11, 3))}), 413, "11 points")
        refused(await asking.infer(GRID), 413, "stream")
        assert (await asking.infer(GRID, **STREAM)).status_code == 200

    asked(steps, FrontConfig(limits=Limits(atoms=10, answer_points=10)))


def test_json_answers_are_short():
    """Writing them takes long, and everybody waits."""

    async def steps(asking: Asking) -> None:
        listed = {"Accept": "application/json"}
        assert (await asking.infer(FRAMES, **listed)).status_code == 200
        assert (await asking.infer({**FRAMES, "atomic": True})).status_code == 200
        refused(await asking.infer({**FRAMES, "atomic": True}, **listed), 413, "has 52 numbers; as JSON it may have 15")
        refused(await asking.infer(GRID, **listed), 413, "120 numbers")
        points = {"kind": "density", "atoms": ATOMS, "points": np.zeros((16, 3))}
        refused(await asking.infer(points, **listed), 413, "16 numbers")
        polar = {**FRAMES, "kind": "polar", "coord": np.zeros((1, 2, 3))}
        assert (await asking.infer(polar, **listed)).status_code == 200
        refused(await asking.infer({**polar, "derivatives": True}, **listed), 413, "63 numbers")
        assert (await asking.infer(GRID, Accept="application/octet-stream, application/json")).status_code == 200

    asked(steps, FrontConfig(limits=Limits(listed=15)))
