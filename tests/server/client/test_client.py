"""The client against a server that misbehaves, and the calculator."""

import copy
import http.server
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from ase.build import bulk, molecule

from deepaw.server import DeePAWClient, dict_to_binary
from deepaw.server.client import (
    AccessError,
    BusyError,
    DeePAWCalculator,
    FailedError,
    NotRunningError,
    RefusedError,
    ServerError,
    TookTooLongError,
)

ANSWER = dict_to_binary({"kind": "density", "density": np.zeros(3, dtype="<f4")})


@contextmanager
def server(*answers: tuple[int, bytes, dict[str, str]] | None) -> Iterator[tuple[str, list[str]]]:
    """Gives one answer after the other, the last for ever; None breaks the connection off."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            given = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            if given is None:
                self.close_connection = True
                return
            status, body, headers = given
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}", asked
    finally:
        listener.shutdown()
        listener.server_close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessError),
        (403, AccessError),
        (404, RefusedError),
        (422, RefusedError),
        (500, FailedError),
        (504, TookTooLongError),
    ],
)
def test_refusals_are_exceptions_with_the_sentence(status, kind):
    with server((status, b'{"error":"It is wrong."}', {})) as (url, asked):
        with pytest.raises(kind, match=r"^It is wrong\.$") as caught:
            DeePAWClient(url=url).predict_at(bulk("Al"), np.zeros((1, 3)))
        assert caught.value.status == status
        assert len(asked) == 1


def test_what_only_computes_is_asked_again():
    busy = (503, b'{"error":"Too many."}', {"Retry-After": "0"})
    with server(busy, None, busy, (200, ANSWER, {})) as (url, asked):
        assert len(DeePAWClient(url=url).predict_at(bulk("Al"), np.zeros((3, 3)))) == 3
        assert len(asked) == 4
    with server(busy) as (url, asked):
        with pytest.raises(BusyError, match="Too many"):
            DeePAWClient(url=url).predict_at(bulk("Al"), np.zeros((3, 3)))
        assert len(asked) == 4


@pytest.mark.parametrize("answer", [(503, b'{"error":"Too many."}', {}), None])
def test_what_changes_the_server_is_not(answer):
    with server(answer) as (url, asked):
        with pytest.raises((BusyError, FailedError)):
            DeePAWClient(url=url).update_model("fast")
        assert len(asked) == 1


def test_what_is_no_server(tmp_path):
    client = DeePAWClient(tmp_path / "none.sock")
    assert not client.is_running()
    with pytest.raises(NotRunningError, match="deepaw-server start"):
        client.status()
    with server((200, b"<html>", {})) as (url, _), pytest.raises(FailedError, match="no server of this kind"):
        DeePAWClient(url=url).status()
    for url in ("localhost", "ftp://x", "http://"):
        with pytest.raises(ServerError, match="http://host:8265"):
            DeePAWClient(url=url)


def test_the_calculator_has_the_signs_of_ase():
    class Client:
        def eval(self, coord, cell, *, numbers, pbc, model, **given):
            self.asked = (cell, list(numbers), pbc, model, given)
            return np.array([[1.5]]), np.ones((1, len(numbers), 3)), np.arange(9.0).reshape(1, 9)

    client = Client()
    crystal = bulk("MgO", "rocksalt", 4.2)
    crystal.info["fparam"] = [1.0]
    crystal.calc = DeePAWCalculator(client, "water")
    assert crystal.get_potential_energy() == 1.5
    assert crystal.get_forces().shape == (2, 3)
    assert np.allclose(crystal.get_stress() * crystal.get_volume(), [0, -4, -8, -6, -4, -2])
    assert client.asked[1:] == ([12, 8], [True] * 3, "water", {"fparam": [1.0]})
    water = molecule("H2O")
    water.calc = DeePAWCalculator(client)
    assert water.get_potential_energy() == 1.5
    assert client.asked[0] is None
    assert "stress" not in water.calc.results


@pytest.mark.parametrize("way", [copy.deepcopy, lambda held: pickle.loads(pickle.dumps(held))])
def test_copies_have_connections_of_their_own(way):
    with server((200, ANSWER, {})) as (url, asked):
        calculator = DeePAWCalculator(DeePAWClient(url=url, api_key="0123456789abcdef"))
        client = calculator._client
        client.predict_at(molecule("H2O"), np.zeros((3, 3)))
        twin = way(calculator)._client
        assert np.array_equal(twin.predict_at(molecule("H2O"), np.zeros((3, 3))), np.zeros(3))
        assert len(asked) == 2
        assert twin.where == url
        headers = [one._connection._headers for one in (client, twin)]
        assert headers[0]["X-API-Key"] == headers[1]["X-API-Key"]
        assert headers[0]["X-Client"] != headers[1]["X-Client"]
