"""Typed arrays: how an array of numbers travels in a message.

A map of exactly three keys stands for an array: `dtype`, one of `DTYPES`; `shape`, a list of sizes; `data`, the numbers
in C order, little-endian.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from deepaw.server.messages.errors import MessageError

DTYPES = {name: np.dtype(name) for name in ("<f4", "<f8", "<i4", "<i8", "|u1", "|b1")}
"""Names, as NumPy writes them, of the types that arrays have in messages."""

MOST_AXES = 8

KEYS = {"dtype", "shape", "data"}


def array_head(array: np.ndarray) -> dict[str, Any]:
    """`dtype` and `shape` of an array as they stand in a message. Raises MessageError for a type not in `DTYPES`."""
    name = array.dtype.newbyteorder("<").str
    if name not in DTYPES:
        raise MessageError(f"An array of {array.dtype} cannot be sent; it should be one of {', '.join(DTYPES)}.")
    return {"dtype": name, "shape": list(array.shape)}


def array_bytes(array: np.ndarray) -> memoryview:
    """The numbers in C order, little-endian; not copied where they lie so in memory."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data


def is_array(value: Mapping[str, Any]) -> bool:
    """Whether a map stands for an array."""
    return value.keys() == KEYS


def read_array(value: Mapping[str, Any]) -> np.ndarray:
    """The array that a map stands for: not copied, and not writable.

    Raises MessageError: a type that is not among `DTYPES`, a shape that is none, or bytes of another number.
    """
    dtype, shape, data = value["dtype"], value["shape"], value["data"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise MessageError(f"An array has the dtype {str(dtype)[:20]!r}; it should be one of {', '.join(DTYPES)}.")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise MessageError(f"The shape of an array should be a list of at most {MOST_AXES} sizes, 0 or more.")
    size = prod(shape) * DTYPES[dtype].itemsize
    if not isinstance(data, bytes | memoryview) or len(data) != size:
        found = f"{len(data)} bytes" if isinstance(data, bytes | memoryview) else "no bytes"
        raise MessageError(f"An array of {dtype} and shape {shape} needs {size} bytes of data and has {found}.")
    if dtype == "|b1":  # other bytes than 0 and 1 are not truth values to NumPy
        truths = np.frombuffer(data, dtype=np.uint8) != 0
        truths.flags.writeable = False
        return truths.reshape(shape)
    return np.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape)
