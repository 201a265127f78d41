"""`sel`: counted on the data where the input says "auto", compared with it where the input gives numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepaw.potential.data.neighbours import neighbour_statistics
from deepaw.potential.data.scan import Progress, scan_systems
from deepaw.potential.data.system import System
from deepaw.potential.descriptor.base import DescriptorSection
from deepaw.potential.descriptor.registry import HybridConfig
from deepaw.potential.model.config import ModelConfig


@dataclass(frozen=True)
class Counted:
    """A model whose `sel` are numbers, and the shortest distance in all data, A (inf: no atom has a neighbour)."""

    config: ModelConfig
    closest: float


def count_neighbours(
    config: ModelConfig,
    systems: Sequence[System],
    progress: Progress | None = None,
    *,
    held_back: Sequence[System] = (),
    fixed_slots: bool = False,
    keep: bool = True,
) -> Counted:
    """Replace `auto` by counts and warn once about numbers that the data exceeds.

    systems: training data, which the counts are of. held_back: validation data, for the shortest distance alone.
    fixed_slots: whether the model drops what exceeds them (`PairwiseDescriptor`). progress, keep: as in `scan_systems`.

    Raises InputError: as `scan_systems`; no atom has a neighbour to count for `auto`.
    """
    sections = config.descriptor.sections
    rcuts = sorted({part.rcut for part in sections})
    names = [system.name for system in (*systems, *held_back)]
    scans = scan_systems([*systems, *held_back], rcuts, progress, masked=config.is_masked, keep=keep)
    ntypes = len(systems[0].type_map)
    statistics = {
        rcut: neighbour_statistics(
            rcut, ntypes, [(name, counts[rcut]) for name, counts in zip(names, scans[: len(systems)], strict=False)]
        )
        for rcut in rcuts
    }
    counted = [part.with_counts(statistics[part.rcut], config.type_map, fixed_slots) for part in sections]
    closest = min(float(counts.distance.min()) for scan in scans for counts in scan.values())
    descriptor = config.descriptor
    if isinstance(descriptor, HybridConfig):
        together: DescriptorSection = descriptor.model_copy(update={"list": tuple(counted)})
    else:
        (together,) = counted
    return Counted(config.model_copy(update={"descriptor": together}), closest)
