"""Sums of forces and virials of each thread of an evaluation, and its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor


@dataclass(frozen=True)
class ForceSums:
    """Accumulated derivatives.

    force: (natoms, 3), eV/A. virial: (1, 3, 3), eV. atom_virial: (natoms, 3, 3), eV, or None; float64.
    """

    force: Tensor
    virial: Tensor
    atom_virial: Tensor | None

    @classmethod
    def zeros(cls, natoms: int, atomic_virial: bool) -> ForceSums:
        """Return sums of zero."""
        return cls(
            torch.zeros(natoms, 3, dtype=torch.float64),
            torch.zeros(1, 3, 3, dtype=torch.float64),
            torch.zeros(natoms, 3, 3, dtype=torch.float64) if atomic_virial else None,
        )


def add_up(parts: Sequence[ForceSums]) -> ForceSums:
    """Add the sums of all threads to those of the first, in their order."""
    first = parts[0]
    for part in parts[1:]:
        first.force.add_(part.force)
        first.virial.add_(part.virial)
        if first.atom_virial is not None and part.atom_virial is not None:
            first.atom_virial.add_(part.atom_virial)
    return first


class Counter:
    """Reports the atoms done, of `total`, to `progress`, whichever threads do them."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._total, self._progress = total, progress
        self._done, self._lock = 0, Lock()

    def add(self, count: int) -> None:
        """Count atoms that are done."""
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)
