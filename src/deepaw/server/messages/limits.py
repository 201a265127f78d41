"""What a message may hold, found out from its bytes before anything is made of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from deepaw.server.messages.errors import MessageError


@dataclass(frozen=True)
class MessageLimits:
    """The most levels of nesting, and the most values: each number, text, array, list, map and key counts as one."""

    depth: int = 8
    values: int = 20_000


_SIZED = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}  # bin and str
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2}
_FIXED |= {0xD2: 4, 0xD3: 8}
_LISTS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}


def check_message(data: bytes | memoryview, limits: MessageLimits) -> None:
    """Walk over the heads of a MessagePack message without making anything of it.

    A few bytes can promise millions of elements, level upon level, and decoders set room aside for what is promised;
    so this comes first. Format: https://github.com/msgpack/msgpack/blob/master/spec.md

    Raises MessageError: too deep or too many values, cut short, bytes left over, or a type that messages do not have.
    """
    place, count, end = 0, 0, len(data)
    open_levels: list[int] = []  # values still to come on each
    while True:
        if place >= end:
            raise MessageError("The message is cut short.")
        count += 1
        if count > limits.values:
            raise MessageError(f"The message holds more than {limits.values} values; send numbers as typed arrays.")
        head = data[place]
        place += 1
        inside = 0
        try:
            if head <= 0x7F or head >= 0xE0:  # small integers
                pass
            elif head <= 0x8F:
                inside = 2 * (head & 0x0F)
            elif head <= 0x9F:
                inside = head & 0x0F
            elif head <= 0xBF:
                place += head & 0x1F
            elif head in _FIXED:
                place += _FIXED[head]
            elif head in _SIZED:
                form = _SIZED[head]
                place += struct.calcsize(form) + struct.unpack_from(form, data, place)[0]
            elif head in _LISTS or head in _MAPS:
                form = _LISTS.get(head) or _MAPS[head]
                inside = struct.unpack_from(form, data, place)[0] * (2 if head in _MAPS else 1)
                place += struct.calcsize(form)
            else:
                raise MessageError(f"The message holds a value of type 0x{head:02x}, which messages do not have.")
        except struct.error:
            raise MessageError("The message is cut short.") from None
        if place > end or inside > end - place:
            raise MessageError("The message is cut short.")
        if inside:
            open_levels.append(inside)
            if len(open_levels) > limits.depth:
                raise MessageError(f"The message is nested more than {limits.depth} levels deep.")
            continue
        while open_levels:
            open_levels[-1] -= 1
            if open_levels[-1]:
                break
            open_levels.pop()
        if not open_levels:
            break
    if place != end:
        raise MessageError(f"The message ends {end - place} bytes before its last byte.")
