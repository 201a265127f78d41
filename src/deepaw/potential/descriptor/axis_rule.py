"""Neighbours that define the axes of a local frame: `axis_rule` of `loc_frame`, with the numbers of DeePMD-kit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

CANDIDATES = 3
"""Number of nearest neighbours of each type that a rule without a type selects from."""


@dataclass(frozen=True)
class Axis:
    """Neighbour that an axis points at.

    radial: whether it is among the neighbours of `sel_r`. kind: its type, or below 0: any type but `excluded`.
    index: its rank by distance among these, from 0.
    """

    radial: bool
    kind: int
    index: int

    @property
    def excluded(self) -> int:
        """Type that a kind below 0 excludes, which may be no type of the model."""
        return -self.kind if self.radial else -self.kind - 1

    def next(self) -> Axis:
        """Return the axis to the next neighbour."""
        return replace(self, index=self.index + 1)


@dataclass(frozen=True)
class Places:
    """Places for neighbours: angular ones by type, then radial ones by type."""

    sel_a: tuple[int, ...]
    sel_r: tuple[int, ...]

    def counts(self, axis: Axis) -> tuple[int, ...]:
        """Return the number of places of each type that an axis may be in."""
        return self.sel_r if axis.radial else self.sel_a

    def candidates(self, axis: Axis) -> list[int]:
        """Return the places that a rule without a type selects from."""
        start = sum(self.sel_a) if axis.radial else 0
        places: list[int] = []
        for kind, count in enumerate(self.counts(axis)):
            if kind != axis.excluded:
                places += range(start, start + min(count, CANDIDATES))
            start += count
        return places

    def place(self, axis: Axis) -> int | None:
        """Return the place of a rule with a type, possibly one of a later type, or None beyond all places."""
        sel, start = self.counts(axis), sum(self.sel_a) if axis.radial else 0
        position = sum(sel[: axis.kind]) + axis.index
        return start + position if position < sum(sel) else None


def find_axes(rule: Sequence[int], kind: int, places: Places) -> tuple[Axis, Axis]:
    """Return the two axes of a type of centre.

    Without a rule, these are the first two neighbours, angular ones if there are two places for these.
    """
    if not rule:
        radial = sum(places.sel_a) < 2
        return Axis(radial, 0, 0), Axis(radial, 0, 1)
    first, second = (rule[start : start + 3] for start in (6 * kind, 6 * kind + 3))
    return Axis(bool(first[0]), *first[1:]), Axis(bool(second[0]), *second[1:])


def check_rule(rule: Sequence[int], places: Places) -> None:
    """Raise ValueError for a rule that is too short or long, or names a neighbour that has no place."""
    ntypes = len(places.sel_a)
    if not rule and max(sum(places.sel_a), sum(places.sel_r)) < 2:
        raise ValueError("axis_rule is empty, and neither sel_a nor sel_r has the two neighbours that axes need")
    if len(rule) not in (0, 6 * ntypes):
        raise ValueError(f"axis_rule has {len(rule)} numbers; it should have 6 for each of {ntypes} types")
    for start in range(0, len(rule), 3):
        numbers = [*rule[start : start + 3]]
        if numbers[0] not in (0, 1):
            raise ValueError(f"axis_rule has {numbers}; the first of three numbers should be 0 (sel_a) or 1 (sel_r)")
        axis = Axis(bool(numbers[0]), *numbers[1:])
        if axis.kind >= ntypes or (axis.kind < 0 and axis.excluded > ntypes):
            raise ValueError(f"axis_rule has {numbers}; types are numbered from 0 to {ntypes - 1}")
        count = places.counts(axis)[axis.kind] if axis.kind >= 0 else len(places.candidates(axis))
        if not 0 <= axis.index < count:
            name = "sel_r" if axis.radial else "sel_a"
            raise ValueError(
                f"axis_rule has {numbers}; the last number should be below {count}, the neighbours that {name} keeps"
            )


def axis_pairs(axis: Axis, places: Places, pairs: Tensor, distance: Tensor) -> Tensor:
    """Return the pair that an axis of each of n atoms points along, (n,), -1 where there is no such neighbour.

    pairs: index of the pair in each place, (n, places), or -1. distance: (npairs,), A.
    """
    none = torch.full((len(pairs),), -1, device=pairs.device)
    if axis.kind >= 0:
        place = places.place(axis)
        return none if place is None else pairs[:, place]
    candidates = pairs[:, places.candidates(axis)]
    if axis.index >= candidates.shape[1]:
        return none
    candidate_distance = torch.where(candidates < 0, torch.inf, distance[candidates.clamp(min=0)])
    nearest = torch.argsort(candidate_distance, dim=1, stable=True)[:, axis.index : axis.index + 1]
    return candidates.gather(1, nearest).squeeze(1)
