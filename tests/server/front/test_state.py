"""What the server says of itself, and what surrounds every request."""

import logging

import pytest

from deepaw.server.front.config import FrontConfig, Limits
from server.front.asking import MGO, Asking, asked, refused
from server.front.fake import HASH

GRID = {"atoms": MGO, "grid_shape": [2, 2, 2]}


def test_status():
    async def steps(asking: Asking) -> None:
        found = (await asking.http.get("/status")).json()
        known = {"status": "running", "device": "cpu", "cuda_available": False, "use_compile": True}
        known |= {"use_dual_model": False, "data_batch_size": 300, "served": {"done": 5}}
        assert known.items() <= found.items()
        assert found["models"][0]["hash"] == HASH
        assert found["queue"]["queued"] == 2
        assert "secret" not in str(found)
        assert (await asking.http.get("/health")).json().keys() == found.keys()
        models = (await asking.http.get("/model_info")).json()["models"]
        assert models == found["models"]

    asked(steps, FrontConfig(batch_size=300))


def test_metrics():
    async def steps(asking: Asking) -> None:
        await asking.http.post("/predict", json=GRID)
        await asking.http.post("/predict", json={})
        await asking.http.get("/jobs/secret-name")
        await asking.http.get("/nowhere")
        text = (await asking.http.get("/metrics")).text
        for line in (
            'deepaw_requests_total{endpoint="/predict",method="POST",status="200"} 1.0',
            'deepaw_requests_total{endpoint="/jobs/{id}",method="GET",status="404"} 1.0',
            'deepaw_requests_total{endpoint="other",method="GET",status="404"} 1.0',
            'deepaw_errors_total{kind="input"} 1.0',
            'deepaw_request_seconds_count{endpoint="/predict"} 2.0',
            "deepaw_queue_requests 2.0",
            'deepaw_jobs_total{state="done"} 5.0',
            'deepaw_batches_total{kind="potential"} 1.0',
            f'deepaw_model{{hash="{HASH}",kind="density",name="fast"}} 1.0',
        ):
            assert line in text.splitlines(), text
        assert "secret" not in text

    asked(steps)


def test_requests_have_an_id_in_the_answer_and_in_the_log(caplog):
    async def steps(asking: Asking) -> None:
        response = await asking.http.get("/status", headers={"X-Request-ID": "run-7.3"})
        assert response.headers["x-request-id"] == "run-7.3"
        refusal = await asking.http.get("/nowhere", headers={"X-Request-ID": "a\tb"})
        assert len(refusal.headers["x-request-id"]) == 16

    with caplog.at_level(logging.INFO, logger="deepaw.server"):
        asked(steps)
    assert next(record.request for record in caplog.records) == "run-7.3"
    assert [(record.status, record.endpoint) for record in caplog.records] == [(200, "/status"), (404, "other")]


@pytest.mark.parametrize(("method", "address", "status"), [("GET", "/none", 404), ("GET", "/predict", 405)])
def test_addresses_that_are_not(method, address, status):
    async def steps(asking: Asking) -> None:
        refused(await asking.http.request(method, address), status, "address")

    asked(steps)


def test_update_model(tmp_path):
    (tmp_path / "new.safetensors").write_bytes(b"x")
    (tmp_path / "bad.safetensors").write_bytes(b"x")

    async def steps(asking: Asking) -> None:
        post = asking.http.post
        assert (await post("/update_model", json={"path": "new.safetensors"})).json()["hash"] == HASH
        assert (await post("/update_model", json={"path": "fast", "name": "other"})).status_code == 200
        first, second = asking.scheduler.updates
        assert first == ("fast", str(tmp_path / "new.safetensors"))
        assert second[0] == "other"
        assert second[1].endswith("fast.safetensors")
        response = await post("/update_model", json={"path": "bad.safetensors"})
        refused(response, 422, "not a model file")
        assert str(tmp_path) not in response.text

    asked(steps, FrontConfig(data_dirs=(tmp_path,)))


def test_too_many_requests_at_once():
    async def steps(asking: Asking) -> None:
        response = await asking.http.get("/status")
        refused(response, 503, "Too many requests")
        assert response.headers["retry-after"] == "1"

    asked(steps, FrontConfig(limits=Limits(requests=0)))


def test_openapi_knows_every_address_and_answer():
    async def steps(asking: Asking) -> None:
        found = (await asking.http.get("/openapi.json")).json()
        assert set(found["paths"]) == {
            "/status",
            "/health",
            "/v1/health",
            "/metrics",
            "/model_info",
            "/update_model",
            "/predict",
            "/v1/predict",
            "/infer",
            "/structures",
            "/jobs/{id}",
            "/jobs/{id}/answer",
        }
        for methods in found["paths"].values():
            for operation in methods.values():
                assert {"200", "401", "422", "503"} <= set(operation["responses"])
                error = operation["responses"]["401"]["content"]["application/json"]["schema"]
                assert error == {"$ref": "#/components/schemas/ErrorForm"}
        assert "HTTPValidationError" not in str(found)
        assert found["components"]["securitySchemes"]

    asked(steps)
