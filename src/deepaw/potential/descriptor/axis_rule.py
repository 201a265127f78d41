"""Which neighbours the axes of a local frame point at: `axis_rule` of `loc_frame`, with DeePMD-kit's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

CANDIDATES = 3
"""Neighbours of each type, the nearest, among which a rule that names no type looks for an axis."""


@dataclass(frozen=True)
class Axis:
    """One neighbour that an axis points at.

    radial: whether it is among those of `sel_r`. kind: its type, or below 0: any type but `excluded`. index: the how
    manieth nearest of these, from 0.
    """

    radial: bool
    kind: int
    index: int

    @property
    def excluded(self) -> int:
        """The type that a kind below 0 leaves out, if there is one of that number."""
        return -self.kind if self.radial else -self.kind - 1

    def next(self) -> Axis:
        """The neighbour after it."""
        return replace(self, index=self.index + 1)


@dataclass(frozen=True)
class Places:
    """Places for neighbours: angular ones by type, then radial ones by type."""

    sel_a: tuple[int, ...]
    sel_r: tuple[int, ...]

    def of(self, axis: Axis) -> tuple[int, ...]:
        """How many an axis may be in, of each type."""
        return self.sel_r if axis.radial else self.sel_a

    def candidates(self, axis: Axis) -> list[int]:
        """The places that a rule without a type looks at."""
        start = sum(self.sel_a) if axis.radial else 0
        found: list[int] = []
        for kind, count in enumerate(self.of(axis)):
            if kind != axis.excluded:
                found += range(start, start + min(count, CANDIDATES))
            start += count
        return found

    def fixed(self, axis: Axis) -> int | None:
        """The place that a rule with a type names; behind those of the type it is one of the next, and None in the
        end."""
        sel, start = self.of(axis), sum(self.sel_a) if axis.radial else 0
        place = sum(sel[: axis.kind]) + axis.index
        return start + place if place < sum(sel) else None


def axes_of(rule: Sequence[int], kind: int, places: Places) -> tuple[Axis, Axis]:
    """Those of a type of centre; without a rule, the first two neighbours, angular ones if there are two places."""
    if not rule:
        radial = sum(places.sel_a) < 2
        return Axis(radial, 0, 0), Axis(radial, 0, 1)
    first, second = (rule[start : start + 3] for start in (6 * kind, 6 * kind + 3))
    return Axis(bool(first[0]), *first[1:]), Axis(bool(second[0]), *second[1:])


def check_rule(rule: Sequence[int], places: Places) -> None:
    """Raise ValueError for a rule that is too short or long, or has a neighbour for which there is no place."""
    ntypes = len(places.sel_a)
    if not rule and max(sum(places.sel_a), sum(places.sel_r)) < 2:
        raise ValueError("axis_rule is empty, and neither sel_a nor sel_r has the two neighbours that axes need")
    if len(rule) not in (0, 6 * ntypes):
        raise ValueError(f"axis_rule has {len(rule)} numbers; it should have 6 for each of {ntypes} types")
    for start in range(0, len(rule), 3):
        given = [*rule[start : start + 3]]
        if given[0] not in (0, 1):
            raise ValueError(f"axis_rule has {given}; the first of three numbers should be 0 (sel_a) or 1 (sel_r)")
        axis = Axis(bool(given[0]), *given[1:])
        if axis.kind >= ntypes or (axis.kind < 0 and axis.excluded > ntypes):
            raise ValueError(f"axis_rule has {given}; types are numbered from 0 to {ntypes - 1}")
        there = places.of(axis)[axis.kind] if axis.kind >= 0 else len(places.candidates(axis))
        if not 0 <= axis.index < there:
            name = "sel_r" if axis.radial else "sel_a"
            raise ValueError(
                f"axis_rule has {given}; the last number should be below {there}, the neighbours that {name} keeps"
            )


def neighbours_on(axis: Axis, places: Places, pairs: Tensor, distance: Tensor) -> Tensor:
    """The pair that an axis of each of n atoms points along, (n,), -1 where there is no such neighbour.

    pairs: (n, places), the pair in each place, or -1. distance: (npairs,), A.
    """
    none = torch.full((len(pairs),), -1, device=pairs.device)
    if axis.kind >= 0:
        place = places.fixed(axis)
        return none if place is None else pairs[:, place]
    found = pairs[:, places.candidates(axis)]
    if axis.index >= found.shape[1]:
        return none
    far = torch.where(found < 0, torch.inf, distance[found.clamp(min=0)])
    nearest = torch.argsort(far, dim=1, stable=True)[:, axis.index : axis.index + 1]
    return found.gather(1, nearest).squeeze(1)
