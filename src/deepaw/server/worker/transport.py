"""Messages between the server and a worker process, over a pair of Unix sockets.

A message is a map like those of `deepaw.server.messages`, and nothing in it is executed or unpickled. Its arrays lie
behind it in one block of bytes. A large block travels as memory that both processes see: one copy to write it, none to
read it, and it is gone when neither holds it, however they end.

On the wire: the lengths of map and block, uint64 big-endian, and 1 where the block is shared memory, else 0; then the
map in MessagePack, then the block unless it is shared.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgpack
import numpy as np

HEAD = struct.Struct(">QQB")

SHARED_FROM = 2**18
"""Bytes of a block from which it pays to share memory."""

ALIGNMENT = 16

ARRAY = 1
"""MessagePack's number for an array: dtype, shape and where it begins in the block."""


def packed(message: Mapping[str, Any]) -> tuple[list[memoryview], int | None]:
    """What to send, and a descriptor of shared memory to send along, to be closed afterwards."""
    arrays: list[tuple[int, np.ndarray]] = []
    size = 0

    def place(value: Any) -> Any:
        nonlocal size
        if isinstance(value, np.ndarray):
            start = -(-size // ALIGNMENT) * ALIGNMENT
            size = start + value.nbytes
            arrays.append((start, np.ascontiguousarray(value)))
            return msgpack.ExtType(ARRAY, msgpack.packb((value.dtype.str, value.shape, start)))
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"a {type(value).__name__} cannot be sent to another process")

    head = msgpack.packb(message, default=place)
    parts = [memoryview(HEAD.pack(len(head), size, size >= SHARED_FROM)), memoryview(head)]
    if size >= SHARED_FROM:
        return parts, _new_memory(size, arrays)
    block = bytearray(size)
    for start, array in arrays:
        block[start : start + array.nbytes] = _bytes(array)
    return [*parts, memoryview(block)], None


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """By a blocking socket."""
    parts, descriptor = packed(message)
    try:
        first = b"".join(parts)
        sent = socket.send_fds(connection, [first], [] if descriptor is None else [descriptor])
        connection.sendall(memoryview(first)[sent:])
    finally:
        if descriptor is not None:
            os.close(descriptor)


class Receiver:
    """Messages out of what a socket gives, a piece at a time."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._descriptors: deque[int] = deque()

    def read(self, connection: socket.socket) -> bool:
        """Whatever is there; returns False at the end. Raises what the socket raises."""
        data, descriptors, _, _ = socket.recv_fds(connection, 2**20, 16)
        self._descriptors.extend(descriptors)
        self._data += data
        return bool(data)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Those that are complete."""
        while len(self._data) >= HEAD.size:
            head, size, shared = HEAD.unpack_from(self._data)
            end = HEAD.size + head + (0 if shared else size)
            if len(self._data) < end:
                return
            block: bytes | mmap.mmap = bytes(self._data[HEAD.size + head : end])
            content = bytes(self._data[HEAD.size : HEAD.size + head])
            del self._data[:end]
            if shared:
                descriptor = self._descriptors.popleft()
                block = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
                os.close(descriptor)
            yield _unpacked(content, block)

    def close(self) -> None:
        """Descriptors of messages that never came."""
        while self._descriptors:
            os.close(self._descriptors.popleft())


def _unpacked(content: bytes, block: bytes | mmap.mmap) -> dict[str, Any]:
    def found(code: int, data: bytes) -> Any:
        if code != ARRAY:
            raise ValueError(f"no type {code} is sent")
        dtype, shape, start = msgpack.unpackb(data)
        kind = np.dtype(dtype)
        if kind.kind not in "fiub":
            raise ValueError(f"arrays of {dtype} are not sent")
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(block, dtype=kind, count=count, offset=start).reshape(shape)

    return msgpack.unpackb(content, ext_hook=found)


def _new_memory(size: int, arrays: Iterable[tuple[int, np.ndarray]]) -> int:
    """A descriptor of memory without a name, with arrays where they begin.

    Written to as a file, since the system then need not map page after page of it into this process.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("deepaw", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, size)
        for start, array in arrays:
            left = _bytes(array)
            while left:
                written = os.pwrite(descriptor, left, start)
                start, left = start + written, left[written:]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
