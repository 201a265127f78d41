"""Answers in pieces: messages one after the other, each with its length before it (4 bytes, little-endian).

The last message of a sound stream has the key `end`; one with the key `error` ends a stream that went wrong. A stream
that just stops was cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deepaw.server.messages.binary import Buffer, binary_to_dict, message_parts
from deepaw.server.messages.errors import MessageError

STREAM_TYPE = "application/octet-stream"

LONGEST = 256 * 2**20
"""Bytes of one message of a stream, at most."""

_LENGTH = struct.Struct("<I")


def stream_parts(message: Mapping[str, Any]) -> list[Buffer]:
    """One message of a stream, in pieces to be sent one after the other."""
    parts = message_parts(message)
    return [_LENGTH.pack(sum(len(part) for part in parts)) + parts[0], *parts[1:]]


def read_stream(read: Callable[[int], bytes]) -> Iterator[dict[str, Any]]:
    """The messages of a stream, up to and with the one that ends it.

    read: gives as many bytes as it is asked for, fewer only where there are no more.

    Raises MessageError: the stream was cut off, or holds what is no message.
    """
    while True:
        message = binary_to_dict(_exactly(read, _LENGTH.unpack(_exactly(read, _LENGTH.size))[0]))
        yield message
        if "end" in message or "error" in message:
            return


def _exactly(read: Callable[[int], bytes], length: int) -> bytes:
    if length > LONGEST:
        raise MessageError(f"The stream announces a message of {length} bytes; it is no stream of this kind.")
    data = read(length)
    if len(data) < length:
        raise MessageError("The stream was cut off before its end.")
    return data
