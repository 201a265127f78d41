"""Who is let in."""

import pytest

from deepaw.server.front.config import FrontConfig
from server.front.asking import MGO, Asking, asked, refused

FAR = ("10.0.0.7", 40000)
KEYS = FrontConfig(keys=("first", "second"))


def test_strangers_need_a_key():
    async def steps(asking: Asking) -> None:
        for address in ("/status", "/metrics", "/openapi.json", "/none", "/jobs/1"):
            refused(await asking.http.get(address), 401, "X-API-Key is missing")
        for key in ("", "f", "firs", "first ", "FIRST", "firstsecond", "\xff"):
            response = await asking.http.get("/status", headers={"X-API-Key": key.encode("latin-1")})
            refused(response, 401, "is not a key")
        for key in ("first", "second"):
            assert (await asking.http.get("/status", headers={"X-API-Key": key})).status_code == 200

    asked(steps, KEYS, FAR)


def test_strangers_may_ask_whether_it_is_well():
    async def steps(asking: Asking) -> None:
        for address in ("/health", "/v1/health"):
            response = await asking.http.get(address)
            assert (response.status_code, response.json()) == (200, {"status": "running"})
            asking.scheduler.running = "starting"
            response = await asking.http.get(address)
            assert (response.status_code, response.json()) == (503, {"status": "starting"})
            asking.scheduler.running = "running"

    asked(steps, KEYS, FAR)


def test_without_keys_no_stranger_comes_in():
    async def steps(asking: Asking) -> None:
        refused(await asking.http.get("/status", headers={"X-API-Key": ""}), 401, "key")

    asked(steps, FrontConfig(), FAR)


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("::1", 1), ("127.8.8.8", 1), ("::ffff:127.0.0.1", 1)])
def test_this_machine_needs_none(client):
    async def steps(asking: Asking) -> None:
        assert (await asking.http.get("/status")).status_code == 200
        assert (await asking.http.get("/health")).json()["device"] == "cpu"

    asked(steps, KEYS, client)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:8265"},
    ],
)
def test_what_a_proxy_or_a_browser_passes_on_needs_one(headers):
    async def steps(asking: Asking) -> None:
        refused(await asking.http.get("/status", headers=headers), 401, "missing")
        assert (await asking.http.get("/status", headers={**headers, "X-API-Key": "first"})).status_code == 200

    asked(steps, KEYS)


def test_always_is_over_tcp():
    config = FrontConfig(keys=("first",), require_key="always")

    async def over_tcp(asking: Asking) -> None:
        refused(await asking.http.get("/status"), 401, "missing")

    async def over_socket(asking: Asking) -> None:
        assert (await asking.http.get("/status")).status_code == 200

    asked(over_tcp, config)
    asked(over_socket, config, None)


def test_clients_are_told_apart():
    async def steps(asking: Asking) -> None:
        body = {"atoms": MGO, "grid_shape": [2, 2, 2]}
        await asking.http.post("/predict", json=body)
        await asking.http.post("/predict", json=body, headers={"X-Client": "run-7"})
        await asking.http.post("/predict", json=body, headers={"X-Client": "two words"})
        await asking.http.post("/predict", json=body, headers={"X-API-Key": "second", "X-Client": "run-7"})
        assert [job.client for job in asking.scheduler.jobs] == ["local:50000", "local:run-7", "local:50000", "key-2"]

    asked(steps, KEYS)
