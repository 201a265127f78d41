"""Scale of the rows of a descriptor, taken from the data before the first step.

The definitions are those of DeePMD-kit 3.2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor

from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.switch import environment_rows

SMALLEST_SPREAD = 1e-2
"""1/A; a smaller standard deviation of an environment's rows counts as this."""

UNKNOWN_SPREAD = 0.1
"""1/A; the standard deviation of rows around types that do not occur."""


class ScaledDescriptor(Protocol):
    """A descriptor whose rows are normalised.

    config: with rcut_smth, rcut, env_protection, set_davg_zero. davg, dstd: (ntypes, components).
    """

    config: Any
    ntypes: int
    davg: Tensor
    dstd: Tensor

    @property
    def nnei(self) -> int:
        """Number of slots."""

    def slotted(self, env: Environment) -> tuple[Environment, Tensor, Tensor]:
        """Pairs that count, and slots without a neighbour."""

    def with_statistics(self, davg: Tensor, dstd: Tensor) -> None:
        """Set the mean and spread of raw rows."""


class Statistics(ABC):
    """Sums over environments, one frame after the other, that set the buffers of a descriptor in the end."""

    @abstractmethod
    def add(self, env: Environment) -> None:
        """Add one frame: pairs within the model's cutoff."""

    @abstractmethod
    def finish(self) -> None:
        """Set the descriptor's buffers."""


class NoStatistics(Statistics):
    """Statistics of a descriptor that has no scale."""

    def add(self, env: Environment) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class RowStatistics(Statistics):
    """davg and dstd: by type of the centre, over the rows of all sel slots, those of empty slots being 0.

    s has its own mean and standard deviation; the three components of the direction have mean 0 and share one
    standard deviation. With `set_davg_zero` all means are 0.
    """

    def __init__(self, part: ScaledDescriptor) -> None:
        self._part = part
        self._slots = torch.zeros(part.ntypes, dtype=torch.float64)
        # sum of s, of its squares, of the other components, of their squares
        self._sums = torch.zeros(part.ntypes, 4, dtype=torch.float64)

    def add(self, env: Environment) -> None:
        """Add the rows of one frame."""
        part, config = self._part, self._part.config
        kept = part.slotted(env)[0]
        rows = environment_rows(kept.vector, config.rcut_smth, config.rcut, config.env_protection)
        s, direction = rows[:, 0], rows[:, 1:]
        terms = torch.stack([s, s**2, direction.sum(1), direction.square().sum(1)], dim=1)
        self._sums.index_add_(0, env.types[kept.centre], terms)
        self._slots += part.nnei * torch.bincount(env.types, minlength=part.ntypes)

    def finish(self) -> None:
        """Set the descriptor's davg and dstd."""
        part = self._part
        davg, dstd = torch.zeros_like(part.davg), torch.full_like(part.dstd, UNKNOWN_SPREAD)
        for kind in torch.nonzero(self._slots).flatten().tolist():
            count = float(self._slots[kind])
            s, s2, direction, direction2 = self._sums[kind].tolist()
            dstd[kind, 0] = spread(s, s2, count, SMALLEST_SPREAD)
            dstd[kind, 1:] = spread(direction, direction2, 3 * count, SMALLEST_SPREAD)
            if not part.config.set_davg_zero:
                davg[kind, 0] = s / count
        part.with_statistics(davg, dstd)


def spread(total: float, squares: float, count: float, smallest: float) -> float:
    """Standard deviation of `count` numbers from their sum and that of their squares, or `smallest` if that is more."""
    return max(max(squares / count - (total / count) ** 2, 0.0) ** 0.5, smallest)
