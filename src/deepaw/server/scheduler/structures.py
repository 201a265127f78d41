"""Structures that clients refer to by a handle."""

from __future__ import annotations

from collections import OrderedDict

from deepaw.server.scheduler.interface import Structure, UnknownHandleError


class KeptStructures:
    """The least recently used are given up when all take more than `most` bytes; the latest stays."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Structure] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, structure: Structure) -> str:
        """Its handle, the same for the same structure."""
        handle = structure.key
        if handle in self._kept:
            self._kept.move_to_end(handle)
            return handle
        self._kept[handle] = structure
        self.nbytes += structure.nbytes
        while len(self._kept) > 1 and self.nbytes > self._most:
            self.nbytes -= self._kept.popitem(last=False)[1].nbytes
        return handle

    def get(self, handle: str) -> Structure:
        """Raises UnknownHandleError."""
        if handle not in self._kept:
            raise UnknownHandleError(
                f"There is no structure {handle[:64]!r}; it may have been given up; send it again."
            )
        self._kept.move_to_end(handle)
        return self._kept[handle]
