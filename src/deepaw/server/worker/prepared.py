"""Structures whose atoms have been worked on, kept for as long as there is room."""

from __future__ import annotations

from collections import OrderedDict

from ase import Atoms

from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.server.scheduler.interface import Structure


class PreparedStructures:
    """The atom parts, by model and structure, the least recently used given up when they take more than `most` bytes.

    The latest stays, however large it is.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], PreparedStructure] = OrderedDict()

    def get(self, model: str, engine: InferenceEngine, structure: Structure) -> PreparedStructure:
        """model: its hash. Raises InputError: what preparing raises."""
        key = model, structure.key
        found = self._kept.pop(key, None) or engine.prepare(
            Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        )
        self._kept[key] = found
        while len(self._kept) > 1 and self.nbytes > self._most:
            self._kept.popitem(last=False)
        return found

    def forget(self, model: str) -> None:
        """All of a model."""
        for key in [key for key in self._kept if key[0] == model]:
            del self._kept[key]

    def clear(self) -> None:
        """All, to make room."""
        self._kept.clear()

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return sum(prepared.nbytes for prepared in self._kept.values())
