"""Answers in pieces."""

import io

import numpy as np
import pytest

from deepaw.server.messages import MessageError
from deepaw.server.messages.stream import read_stream, stream_parts

MESSAGES = [{"offset": 0, "values": np.arange(5000, dtype="<f4")}, {"offset": 5000, "values": np.zeros(3)}, {"end": {}}]


def data() -> bytes:
    return b"".join(part for message in MESSAGES for part in stream_parts(message))


def test_messages_come_back_up_to_the_end():
    found = list(read_stream(io.BytesIO(data() + b"more").read))
    assert [message.get("offset") for message in found] == [0, 5000, None]
    assert np.array_equal(found[0]["values"], MESSAGES[0]["values"])
    assert found[-1] == {"end": {}}


def test_an_error_ends_it():
    parts = b"".join(stream_parts({"error": "The worker ended."}))
    assert list(read_stream(io.BytesIO(parts).read)) == [{"error": "The worker ended."}]


@pytest.mark.parametrize("kept", [0, 2, 100, -1])
def test_a_stream_that_is_cut_off(kept):
    with pytest.raises(MessageError, match="cut off"):
        list(read_stream(io.BytesIO(data()[:kept]).read))


def test_a_stream_of_something_else():
    with pytest.raises(MessageError, match="no stream of this kind"):
        list(read_stream(io.BytesIO(b"<html>...").read))
