"""`sel`: counted on the data where the input says "auto", compared with it where the input gives numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics, neighbour_statistics
from deepaw.potential.data.system import System
from deepaw.potential.descriptor.pairwise import PairwiseConfig, auto_factor
from deepaw.potential.descriptor.registry import HybridConfig
from deepaw.potential.model import ModelConfig

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
    descriptor = config.descriptor
    parts = descriptor.list if isinstance(descriptor, HybridConfig) else (descriptor,)
    found = {rcut: neighbour_statistics(systems, rcut, progress) for rcut in sorted({part.rcut for part in parts})}
    counted = [_with_counts(part, found[part.rcut], config.type_map, fixed_slots) for part in parts]
    closest = min(statistics.shortest_distance for statistics in found.values())
    together = {"list": tuple(counted)} if isinstance(descriptor, HybridConfig) else {"sel": counted[0].sel}
    return Counted(config.model_copy(update={"descriptor": descriptor.model_copy(update=together)}), closest)


def _with_counts(
    part: PairwiseConfig, found: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool
) -> PairwiseConfig:
    if isinstance(part.sel, str):
        sel = tuple(found.sel(auto_factor(part.sel)))
        if sum(sel) == 0:
            raise InputError(
                f'sel is "{part.sel}", but no atom of the training data has a neighbour within {part.rcut:g} A; give '
                "numbers or a larger rcut."
            )
        return part.model_copy(update={"sel": sel})
    most = found.largest.tolist()
    exceeded = [
        f"{count} of {name}"
        for name, count, slots in zip(type_map, most, part.sel, strict=True)
        # 0 says that neighbours of that type are none of the model's business
        if slots and count > slots
    ]
    if exceeded:
        rule = "the farthest are dropped" if fixed_slots else "all of them count, where DeePMD-kit drops the farthest"
        warnings.warn(
            f"sel is {list(part.sel)}, and atoms of the training data have up to {' and '.join(exceeded)} within "
            f"{part.rcut:g} A; {rule}",
            stacklevel=2,
        )
    return part
