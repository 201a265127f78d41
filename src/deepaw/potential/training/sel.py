"""`sel`: counted on the data where the input says "auto", compared with it where the input gives numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepaw.potential.data.neighbours import neighbour_statistics
from deepaw.potential.data.system import System
from deepaw.potential.descriptor.base import DescriptorSection
from deepaw.potential.descriptor.registry import HybridConfig
from deepaw.potential.model.config import ModelConfig

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Counted:
    """A model whose `sel` are numbers, and the shortest distance in the data it was counted on, A (inf: there is
    none)."""

    config: ModelConfig
    closest: float


def count_neighbours(
    config: ModelConfig, systems: Sequence[System], progress: Progress | None = None, *, fixed_slots: bool = False
) -> Counted:
    """Replace `auto` by counts and warn once about numbers that the data exceeds.

    fixed_slots: whether the model drops what exceeds them (`PairwiseDescriptor`).

    Raises InputError: two atoms on one spot, or no atom has a neighbour to count for `auto`.
    """
    sections = config.descriptor.sections
    found = {
        rcut: neighbour_statistics(systems, rcut, progress, masked=config.is_masked)
        for rcut in sorted({part.rcut for part in sections})
    }
    counted = [part.with_counts(found[part.rcut], config.type_map, fixed_slots) for part in sections]
    closest = min(statistics.shortest_distance for statistics in found.values())
    descriptor = config.descriptor
    if isinstance(descriptor, HybridConfig):
        together: DescriptorSection = descriptor.model_copy(update={"list": tuple(counted)})
    else:
        (together,) = counted
    return Counted(config.model_copy(update={"descriptor": together}), closest)
