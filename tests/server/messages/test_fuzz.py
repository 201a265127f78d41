"""Bytes that nobody meant as messages, and messages that nobody meant as requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tracemalloc
from typing import Any

import msgpack
import numpy as np
import pytest

from deepaw.server import binary_to_dict, dict_to_binary
from deepaw.server.messages.errors import MessageError
from server.front.asking import MGO, MSGPACK, Asking, asked

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402

EXAMPLES = int(os.environ.get("DEEPAW_FUZZ", "100"))
MOST = 100 * 2**20
"""Bytes that reading a message may take."""

settings = hypothesis.settings(
    max_examples=EXAMPLES, deadline=5000, suppress_health_check=list(hypothesis.HealthCheck), database=None
)

ATOMS = {key: np.array(value) for key, value in MGO.items()}
SOUND: list[dict[str, Any]] = [
    {"kind": "density", "atoms": ATOMS, "grid_shape": [4, 5, 6]},
    {"kind": "density", "atoms": ATOMS, "points": np.zeros((3, 3)), "raw": True},
    {"kind": "potential", "coord": np.zeros((2, 2, 3)), "types": np.array([0, 1]), "cell": np.eye(3), "atomic": True},
    {"kind": "dipole", "coord": np.eye(3), "numbers": np.array([8, 1, 1]), "derivatives": True, "wait": False},
]

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats()
leaves = st.none() | st.booleans() | numbers | st.text(max_size=20) | st.binary(max_size=40)
arrays = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["<f8", "<f4", "<i8", "|b1", "|O", "<U4", ">f8", "<c16", "x", ""]) | leaves,
        "shape": st.lists(st.integers(-2, 2**40), max_size=5) | leaves,
        "data": st.binary(max_size=64) | leaves,
    }
)
values = st.recursive(
    leaves | arrays, lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside)
)
NAMES = (
    "kind atoms grid_shape points raw wait model structure db_path db_id coord cell types numbers pbc atomic fparam "
    "aparam positions derivatives"
)
names = st.sampled_from(NAMES.split())


@st.composite
def changed(draw: Any) -> bytes:
    """A sound message with keys that have other values, or none, or bytes that are others."""
    message = dict(draw(st.sampled_from(SOUND)))
    for name in draw(st.lists(names, max_size=3)):
        message[name] = draw(values)
    for name in draw(st.lists(st.sampled_from(sorted(message)), max_size=1)):
        del message[name]
    data = bytearray(dict_to_binary(message))
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=3)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


anything = st.binary(max_size=200) | values.map(msgpack.packb) | changed()


@settings
@hypothesis.given(anything)
def test_bytes_are_a_message_or_refused(data: bytes) -> None:
    tracemalloc.start()
    try:
        with contextlib.suppress(MessageError):
            assert isinstance(binary_to_dict(data), dict)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


@settings
@hypothesis.given(st.lists(anything, min_size=1, max_size=5))
def test_requests_are_answered_or_refused_with_one_sentence(sent: list[bytes]) -> None:
    async def steps(asking: Asking) -> None:
        for data in sent:
            response = await asyncio.wait_for(asking.http.post("/infer", content=data, headers=MSGPACK), 5)
            assert response.status_code < 500, response.text
            if response.status_code >= 400:
                error = response.json()["error"]
                assert error.endswith(".") and "\n" not in error

    asked(steps)
