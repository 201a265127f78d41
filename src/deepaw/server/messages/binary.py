"""Messages in MessagePack: a map with names as keys; values are None, truth values, numbers, texts, bytes, lists, maps
and typed arrays.

Nothing in a message is ever executed or unpickled.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from deepaw.server.messages.arrays import array_bytes, array_head, is_array, read_array
from deepaw.server.messages.errors import MessageError
from deepaw.server.messages.limits import MessageLimits, check_message

MEDIA_TYPE = "application/msgpack"

LONGEST_ARRAY = 2**32 - 1
"""Bytes: as many as MessagePack can count."""

Buffer = bytes | memoryview


def dict_to_binary(message: Mapping[str, Any]) -> bytes:
    """A message as bytes; NumPy arrays in it become typed arrays.

    Raises MessageError: a value that messages do not have, or an array of more than 4 GiB.
    """
    return b"".join(message_parts(message))


def message_parts(message: Mapping[str, Any]) -> list[Buffer]:
    """The same in pieces to be sent one after the other: arrays that are values of `message` itself are not copied."""
    packer = msgpack.Packer(default=_packed, autoreset=True, use_bin_type=True)
    try:
        parts: list[Buffer] = [packer.pack_map_header(len(message))]
        for key, value in message.items():
            parts.append(packer.pack(str(key)))
            if isinstance(value, np.ndarray):
                content = array_bytes(value)
                if len(content) > LONGEST_ARRAY:
                    raise MessageError(f"{key} has {len(content)} bytes, and a message holds 4 GiB; ask for a stream.")
                parts += [packer.pack_map_header(3)]
                parts += [packer.pack(item) for pair in array_head(value).items() for item in pair]
                parts += [packer.pack("data"), struct.pack(">BI", 0xC6, len(content)), content]
            else:
                parts.append(packer.pack(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise MessageError(f"The message cannot be written: {error}.") from None
    return _joined(parts)


def binary_to_dict(data: Buffer, limits: MessageLimits | None = None) -> dict[str, Any]:
    """The message that some bytes are, its arrays as NumPy arrays that may not be written to.

    Raises MessageError: bytes that are no message, more than `limits` allow (`MessageLimits()` unless given), or an
    array whose type, shape and bytes do not agree.
    """
    check_message(data, limits or MessageLimits())
    try:
        message = msgpack.unpackb(data, raw=False, strict_map_key=True, object_hook=_with_arrays)
    except MessageError:
        raise
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        reason = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else "a key that is not a text"
        raise MessageError(f"The message cannot be read: it holds {reason}.") from None
    if not isinstance(message, dict):
        raise MessageError("A message should be a map of names to values.")
    return message


def _packed(value: Any) -> Any:
    """What the packer does not know itself."""
    if isinstance(value, np.ndarray):
        return {**array_head(value), "data": bytes(array_bytes(value))}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"there is no way to send a {type(value).__name__}")


def _with_arrays(value: dict[str, Any]) -> Any:
    return read_array(value) if is_array(value) else value


def _joined(parts: list[Buffer]) -> list[Buffer]:
    """Small neighbours as one piece."""
    joined: list[Buffer] = []
    small = bytearray()
    for part in parts:
        if len(part) < 4096:
            small += part
            continue
        joined += [bytes(small), part]
        small = bytearray()
    return [*joined, bytes(small)] if small else joined
