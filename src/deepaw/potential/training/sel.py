"""`sel`: determined from the data if it is "auto" in the input, compared with the data if it is numbers."""

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
class CountedModel:
    """Configuration with numbers for all `sel`, and the shortest distance in all data, A, inf without neighbours."""

    config: ModelConfig
    closest: float


def count_neighbours(
    config: ModelConfig,
    systems: Sequence[System],
    progress: Progress | None = None,
    *,
    validation: Sequence[System] = (),
    fixed_slots: bool = False,
    keep: bool = True,
) -> CountedModel:
    """Replace `auto` by counts of neighbours, and warn once if the data exceed given numbers.

    systems: training data, whose neighbours are counted. validation: systems that are used only for the shortest
    distance. fixed_slots: whether the model drops neighbours beyond `sel` (`PairwiseDescriptor`). progress, keep: as in
    `scan_systems`.

    Raises InputError: as `scan_systems`; `auto` although no atom has a neighbour.
    """
    sections = config.descriptor.sections
    rcuts = sorted({part.rcut for part in sections})
    names = [system.name for system in (*systems, *validation)]
    scans = scan_systems([*systems, *validation], rcuts, progress, masked=config.is_masked, keep=keep)
    ntypes = len(systems[0].type_map)
    statistics = {
        rcut: neighbour_statistics(
            rcut, ntypes, [(name, counts[rcut]) for name, counts in zip(names, scans[: len(systems)], strict=False)]
        )
        for rcut in rcuts
    }
    sections_with_counts = [part.with_counts(statistics[part.rcut], config.type_map, fixed_slots) for part in sections]
    closest = min(float(counts.distance.min()) for scan in scans for counts in scan.values())
    descriptor = config.descriptor
    if isinstance(descriptor, HybridConfig):
        with_counts: DescriptorSection = descriptor.model_copy(update={"list": tuple(sections_with_counts)})
    else:
        (with_counts,) = sections_with_counts
    return CountedModel(config.model_copy(update={"descriptor": with_counts}), closest)
