from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from deepaw.server.worker.transport import SHARED_FROM, Receiver, packed, send


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def exchange(pair: tuple[socket.socket, socket.socket], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    sender = Thread(target=lambda: [send(pair[0], message) for message in messages])
    sender.start()
    receiver, found = Receiver(), []
    while len(found) < len(messages):
        assert receiver.read(pair[1])
        found += list(receiver.messages())
    sender.join()
    return found


@pytest.mark.parametrize("size", [0, 3, SHARED_FROM // 8 - 1, SHARED_FROM // 8, 10**6])
def test_arrays_arrive_as_they_were(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    random = np.random.default_rng(0)
    message = {
        "a": [{"x": random.random((size, 1)), "n": np.arange(5, dtype=np.int64)}, None, 1.5, "text", True],
        "b": np.asfortranarray(random.random((4, 3)).astype(np.float32)),
        "c": np.array([True, False]),
    }
    (found,) = exchange(pair, message)
    assert found["a"][1:] == message["a"][1:]
    for name in ("x", "n"):
        np.testing.assert_array_equal(found["a"][0][name], message["a"][0][name])
        assert found["a"][0][name].dtype == message["a"][0][name].dtype
    np.testing.assert_array_equal(found["b"], message["b"])
    np.testing.assert_array_equal(found["c"], message["c"])


def test_messages_stay_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    messages = [{"number": k, "values": np.full(10 ** (k % 7), k)} for k in range(20)]
    for sent, found in zip(messages, exchange(pair, *messages), strict=True):
        assert found["number"] == sent["number"]
        np.testing.assert_array_equal(found["values"], sent["values"])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_no_descriptors_are_left_behind(pair: tuple[socket.socket, socket.socket]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        exchange(pair, {"values": np.zeros(SHARED_FROM)})
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_only_plain_values_are_sent() -> None:
    with pytest.raises(TypeError, match="Path cannot be sent"):
        packed({"path": Path()})
    with pytest.raises(TypeError, match="cannot be sent"):
        packed({"values": {1, 2}})


def test_arrays_of_objects_are_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    send(pair[0], {"values": np.array(["text"])})
    receiver = Receiver()
    receiver.read(pair[1])
    with pytest.raises(ValueError, match="not sent"):
        list(receiver.messages())
