"""Messages: what goes in comes out, and what is no message is refused before anything is made of it."""

import math
import struct
import tracemalloc

import msgpack
import numpy as np
import pytest

from deepaw.server import binary_to_dict, dict_to_binary
from deepaw.server.messages import MessageError, MessageLimits
from deepaw.server.messages.binary import message_parts

ARRAYS = [
    np.arange(24, dtype="<f8").reshape(2, 3, 4),
    np.arange(4, dtype=">f4"),
    np.asfortranarray(np.arange(6, dtype="<i8").reshape(2, 3)),
    np.array([True, False]),
    np.zeros((0, 3)),
    np.array(2.5),
    np.arange(5, dtype=np.uint8)[::2],
    np.zeros((40, 50), dtype="<i4"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}-{a.shape}")
def test_arrays_come_back(array):
    found = binary_to_dict(dict_to_binary({"a": array, "deep": {"list": [array]}}))
    for other in (found["a"], found["deep"]["list"][0]):
        assert other.dtype == array.dtype.newbyteorder("<")
        assert other.shape == array.shape
        assert np.array_equal(other, array)
        assert not other.flags.writeable


def test_other_values_come_back():
    message = {"none": None, "yes": True, "n": -5, "big": 2**63, "x": 1.5, "text": "Å", "bytes": b"\0", "l": [1, [2]]}
    assert binary_to_dict(dict_to_binary(message)) == message
    assert math.isnan(binary_to_dict(dict_to_binary({"x": np.float64("nan")}))["x"])


def test_bytes_are_those_of_any_messagepack_library():
    array = np.array([[1.0, 2.0]], dtype="<f4")
    plain = {"a": {"dtype": "<f4", "shape": [1, 2], "data": struct.pack("<2f", 1, 2)}, "n": 1}
    assert msgpack.unpackb(dict_to_binary({"a": array, "n": 1})) == plain
    assert np.array_equal(binary_to_dict(msgpack.packb(plain))["a"], array)


def test_large_arrays_are_not_copied():
    array = np.zeros(1_000_000, dtype="<f4")
    parts = message_parts({"a": array, "n": 1})
    large = [part for part in parts if isinstance(part, memoryview)]
    assert len(large) == 1
    assert np.shares_memory(np.frombuffer(large[0], dtype="<f4"), array)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cut short"),
        (b"\x01", "should be a map"),
        (b"\x80\x80", "1 bytes before its last"),
        (b"\x81\xa1a", "cut short"),
        (b"\x81\x01\x01", "key that is not a text"),
        (b"\x81\xa1\xff\x01", "not UTF-8"),
        (b"\xc1", "type 0xc1"),
        (b"\x81\xa1a\xd4\x01\x00", "type 0xd4"),
        (b"\xdd\xff\xff\xff\xff", "cut short"),
        (b"\x81\xa1a\xc6\xff\xff\xff\xff", "cut short"),
        (b"\x91" * 20 + b"\x01", "nested more than 8"),
        (b"\xdc\x75\x30" + b"\x01" * 30_000, "more than 20000 values"),
    ],
)
def test_what_is_no_message(data, said):
    with pytest.raises(MessageError, match=said):
        binary_to_dict(data)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ({"dtype": "O", "shape": [1], "data": b"12345678"}, "dtype 'O'"),
        ({"dtype": ["<f4"], "shape": [1], "data": b"1234"}, "dtype"),
        ({"dtype": "<f4", "shape": [2], "data": b"1234"}, "needs 8 bytes of data and has 4"),
        ({"dtype": "<f4", "shape": [-1], "data": b"1234"}, "sizes"),
        ({"dtype": "<f4", "shape": [True], "data": b"1234"}, "sizes"),
        ({"dtype": "<f4", "shape": 1, "data": b"1234"}, "sizes"),
        ({"dtype": "<f4", "shape": [1] * 9, "data": b"1234"}, "sizes"),
        ({"dtype": "<f4", "shape": [2**62, 2**62], "data": b""}, "bytes of data and has 0 bytes"),
        ({"dtype": "<f4", "shape": [1], "data": "1234"}, "no bytes"),
    ],
)
def test_arrays_that_do_not_agree(array, said):
    with pytest.raises(MessageError, match=said):
        binary_to_dict(msgpack.packb({"a": array}))


@pytest.mark.parametrize("value", [object(), np.array(["a"]), np.array([1j]), np.array([None]), 2**70, {1: {2, 3}}])
def test_values_that_cannot_be_sent(value):
    with pytest.raises(MessageError):
        dict_to_binary({"a": value})


def test_limits_are_those_given():
    data = dict_to_binary({"a": [[1]]})
    assert binary_to_dict(data, MessageLimits(depth=3, values=5)) == {"a": [[1]]}
    for limits in (MessageLimits(depth=2), MessageLimits(values=4)):
        with pytest.raises(MessageError):
            binary_to_dict(data, limits)


def test_promises_of_many_elements_take_no_memory():
    bomb = b"\xdd\x00\xff\xff\xff" * 6 + b"\x01" * 17_000_000
    tracemalloc.start()
    with pytest.raises(MessageError):
        binary_to_dict(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_changed_bytes_are_a_message_or_refused():
    random = np.random.default_rng(0)
    sound = np.frombuffer(dict_to_binary({"kind": "density", "a": np.arange(6.0), "l": [1, "x", None]}), np.uint8)
    for _ in range(3000):
        data = sound.copy()
        where = random.integers(len(data), size=random.integers(1, 4))
        data[where] = random.integers(256, size=len(where))
        try:
            assert isinstance(binary_to_dict(data[: random.integers(1, len(data) + 1)].tobytes()), dict)
        except MessageError as error:
            assert "\n" not in str(error)
