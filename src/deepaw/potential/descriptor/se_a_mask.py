"""DeepPot-SE of clusters in which every atom sees every other (`se_a_mask`).

Frames of different sizes are filled up to one size by virtual atoms, which a mask in `aparam` marks by 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator

from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.se_e2_a import SeE2A, SeE2AConfig
from deepaw.potential.descriptor.statistics import NoStatistics, Statistics

FAR = 10_000.0
"""A; no two atoms of a cluster are farther from each other than half of it."""


class SeAMaskConfig(SeE2AConfig):
    """Two-body embedding without a cutoff, for clusters of different sizes that virtual atoms fill up to one."""

    type: Literal["se_a_mask"] = "se_a_mask"  # type: ignore[assignment]
    sel: tuple[int, ...] = Field(description="atoms of each type in a frame, virtual ones too; sums are divided by all")

    # a cutoff beyond all neighbours
    rcut: ClassVar[float] = FAR  # type: ignore[misc]
    rcut_smth: ClassVar[float] = FAR / 2  # type: ignore[misc]
    set_davg_zero: ClassVar[bool] = True  # type: ignore[misc]
    env_protection: ClassVar[float] = 0.0  # type: ignore[misc]

    @field_validator("sel")
    @classmethod
    def _check_counts(cls, sel: tuple[int, ...]) -> tuple[int, ...]:
        if min(sel, default=0) < 0 or sum(sel) == 0:
            raise ValueError(f"{list(sel)} should be counts of atoms, not all of them 0")
        return sel

    def with_counts(self, statistics: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """Return the section unchanged."""
        return self


class SeAMask(SeE2A):
    """`SeE2A` with s = 1/r and R = (1/r, x/r^2, y/r^2, z/r^2), not normalised, over all atoms; empty slots add 0.

    A virtual atom has no neighbours and is no neighbour, so that its descriptor is 0. The output of its fitting net
    and the energy of its type add to the total, as in DeePMD-kit, where their sum is the same for frames of one size.
    """

    config: SeAMaskConfig

    def statistics(self) -> Statistics:  # type: ignore[override]
        """Return no statistics, since there is no scale."""
        return NoStatistics()
