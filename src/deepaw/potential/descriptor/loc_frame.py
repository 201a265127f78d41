"""Coordinates in a local frame that two neighbours of an atom define (`loc_frame`): Zhang, Han, Wang, Car, E,
Phys. Rev. Lett. 120, 143001 (2018), the first descriptor of Deep Potential.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import torch
from pydantic import Field, field_validator
from torch import Tensor

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.axis_rule import Places, axis_pairs, check_rule, find_axes
from deepaw.potential.descriptor.base import Descriptor, DescriptorSection
from deepaw.potential.descriptor.sel import resolve_sel
from deepaw.potential.descriptor.statistics import SMALLEST_SPREAD, UNKNOWN_SPREAD, Statistics
from deepaw.potential.neighbours.environment import Environment

OPPOSITE = 1e-4
"""Smallest 1 + cos of the angle between the axes; below it the next neighbour defines the second axis."""

IN_LINE = 1e-8
"""Smallest sin^2 of the angle between the axes; below it they define no frame."""

COLUMNS = (2, 3, 1)
"""Positions of x, y and z among the four numbers of a neighbour, after 1/r."""


class LocFrameConfig(DescriptorSection):
    """Coordinates of the nearest neighbours in a frame that two of them span, and distances of farther ones."""

    type: Literal["loc_frame"] = "loc_frame"
    sel_a: tuple[int, ...] = Field(description="of each type, the nearest neighbours whose coordinates count")
    sel_r: tuple[int, ...] = Field(description="of each type, the next neighbours, whose distances alone count")
    rcut: float = Field(6.0, gt=0, description="cutoff radius, A")
    axis_rule: tuple[int, ...] = Field(
        description="for each type six numbers, three for each of two axes: 0 for a neighbour of sel_a or 1 for one of "
        "sel_r, its type, and its place by distance, from 0; without numbers, the first two neighbours"
    )

    @field_validator("sel_a", "sel_r")
    @classmethod
    def _counts(cls, sel: tuple[int, ...]) -> tuple[int, ...]:
        if min(sel, default=0) < 0:
            raise ValueError(f"{list(sel)} should be counts of neighbours, 0 or more")
        return sel

    def with_counts(self, statistics: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """Return the section unchanged; warn where neighbours are dropped."""
        resolve_sel(self.sel, self.rcut, statistics, type_map, fixed_slots=True)
        return self

    @property
    def sel(self) -> tuple[int, ...]:
        """Number of neighbours of each type that are used."""
        return tuple(map(sum, zip(self.sel_a, self.sel_r, strict=True)))

    @property
    def places(self) -> Places:
        """Places of neighbours in a row."""
        return Places(self.sel_a, self.sel_r)

    def check_types(self, ntypes: int) -> None:
        """Check the lengths of lists by type, and the rule."""
        for name in ("sel_a", "sel_r"):
            if len(getattr(self, name)) != ntypes:
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} entries; it should have one for each of {ntypes} types"
                )
        if sum(self.sel) == 0:
            raise ValueError("sel_a and sel_r are all 0; some neighbours should count")
        check_rule(self.axis_rule, self.places)


class LocFrame(Descriptor):
    """Numbers 1/r, z/r^2, x/r^2, y/r^2 for each neighbour of sel_a, and 1/r for each neighbour of sel_r.

    Of each type, the sel_a nearest neighbours fill the first places, by distance, and the next sel_r the others;
    farther neighbours are dropped, and an empty place holds zeros. Rows are all angular places, by type, and then all
    radial ones, minus davg, over dstd. x, y, z are coordinates along

        e_1 = r_1 / |r_1|,   e_2 = (r_2 - (e_1 . r_2) e_1) / |...|,   e_3 = e_1 x e_2

    where the axis rule of the atom's type says which neighbours 1 and 2 are. Where r_1 and r_2 are opposite, the
    neighbour after 2 replaces it. Energies jump where neighbours change places, and at the cutoff.

    Buffers davg, dstd: (ntypes, width), the mean and spread of each number by centre type.
    """

    drops_farthest = True
    davg: Tensor
    dstd: Tensor

    def __init__(
        self,
        config: LocFrameConfig,
        ntypes: int,
        *,
        fixed_slots: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        try:
            config.check_types(ntypes)
        except ValueError as error:
            raise InputError(str(error)) from None
        self.config, self.ntypes, self.rcut, self.sel = config, ntypes, config.rcut, config.sel
        self.angular, self.radial = sum(config.sel_a), sum(config.sel_r)
        self.width = 4 * self.angular + self.radial
        self.register_buffer("davg", torch.zeros(ntypes, self.width, dtype=torch.float64))
        self.register_buffer("dstd", torch.ones(ntypes, self.width, dtype=torch.float64))

    def forward(self, env: Environment) -> Tensor:
        """Compute rows (natoms, width), float64.

        Raises InputError: an atom whose neighbours do not span a frame.
        """
        return (self.raw(env) - self.davg[env.types]) / self.dstd[env.types]

    def raw(self, env: Environment) -> Tensor:
        """Compute rows before normalisation, (natoms, width), 1/A."""
        env, place = self._placed(env)
        square = env.vector.square().sum(1)
        column = torch.where(place < self.angular, 4 * place, 3 * self.angular + place)
        rows = env.vector.new_zeros(env.natoms, self.width).index_put((env.centre, column), square.rsqrt())
        angular = torch.nonzero(place < self.angular).squeeze(1)
        if len(angular) == 0:
            return rows
        centre, vector = env.centre[angular], env.vector[angular]
        local = (self._frames(env, place, centre)[centre] @ vector.unsqueeze(2)).squeeze(2)
        columns = column[angular, None] + torch.tensor(COLUMNS, device=column.device)
        return rows.index_put((centre[:, None], columns), local / square[angular, None])

    def _placed(self, env: Environment) -> tuple[Environment, Tensor]:
        """Return the pairs that have a place, and their places, (npairs,), angular ones first."""
        distance = torch.linalg.vector_norm(env.vector.detach(), dim=1)
        within = torch.nonzero(distance <= self.rcut).squeeze(1)
        by_distance = within[torch.argsort(distance[within], stable=True)]
        group = env.centre[by_distance] * self.ntypes + env.types[env.neighbour[by_distance]]
        group, order = torch.sort(group, stable=True)
        rank = torch.arange(len(group), device=group.device) - torch.searchsorted(group, group)
        kind = group % self.ntypes
        sel_a, sel_r = (torch.tensor(sel, device=kind.device) for sel in (self.config.sel_a, self.config.sel_r))
        angular = (sel_a.cumsum(0) - sel_a)[kind] + rank
        radial = (sel_r.cumsum(0) - sel_r)[kind] + rank - sel_a[kind]
        place = torch.where(rank < sel_a[kind], angular, self.angular + radial)
        has_place = rank < (sel_a + sel_r)[kind]
        return env.select(by_distance[order[has_place]]), place[has_place]

    def _frames(self, env: Environment, place: Tensor, centre: Tensor) -> Tensor:
        """Compute frames (natoms, 3, 3) with rows e_1, e_2, e_3; 0 for atoms that are not in `centre`."""
        device = place.device
        pair = torch.full((env.natoms, self.angular + self.radial), -1, device=device)
        pair[env.centre, place] = torch.arange(len(place), device=device)
        distance = torch.linalg.vector_norm(env.vector.detach(), dim=1)
        frames = env.vector.new_zeros(env.natoms, 3, 3)
        atoms = centre.unique()
        for kind in env.types[atoms].unique().tolist():
            atoms_of_type = atoms[env.types[atoms] == kind]
            axis_1, axis_2 = find_axes(self.config.axis_rule, kind, self.config.places)
            first, second, replacement = (
                axis_pairs(axis, self.config.places, pair[atoms_of_type], distance)
                for axis in (axis_1, axis_2, axis_2.next())
            )
            missing = torch.minimum(first, second) < 0
            if missing.any():
                raise InputError(
                    f"an atom of type {kind} has not the neighbours within {self.rcut:g} A that axis_rule makes its "
                    "frame of."
                )
            r_1, r_2 = env.vector[first].detach(), env.vector[second].detach()
            cosine = (r_1 * r_2).sum(1) / (distance[first] * distance[second])
            second = torch.where((cosine + 1).abs() < OPPOSITE, replacement, second)
            if (second < 0).any():
                raise InputError(_IN_LINE.format(kind))
            frames = frames.index_put((atoms_of_type,), _frame(env.vector[first], env.vector[second], kind))
        return frames

    def statistics(self) -> Statistics:
        """Return the statistics of every number of the rows."""
        return PlaceStatistics(self)


_IN_LINE = "an atom of type {} is in line with the neighbours that axis_rule makes its frame of."


def _frame(r_1: Tensor, r_2: Tensor, kind: int) -> Tensor:
    """Compute frames (n, 3, 3) with rows e_1, e_2, e_3 from vectors (n, 3)."""
    e_1 = r_1 / torch.linalg.vector_norm(r_1, dim=1, keepdim=True)
    across = r_2 - (e_1 * r_2).sum(1, keepdim=True) * e_1
    if (across.square().sum(1) < IN_LINE * r_2.square().sum(1)).any():
        raise InputError(_IN_LINE.format(kind))
    e_2 = across / torch.linalg.vector_norm(across, dim=1, keepdim=True)
    return torch.stack([e_1, e_2, torch.linalg.cross(e_1, e_2)], dim=1)


class PlaceStatistics(Statistics):
    """Mean davg and standard deviation dstd of each number over the atoms of a type, with 0 in empty places."""

    def __init__(self, descriptor: LocFrame) -> None:
        self._descriptor = descriptor
        self._count = torch.zeros(descriptor.ntypes, 1, dtype=torch.float64)
        self._sum, self._square = torch.zeros_like(descriptor.davg), torch.zeros_like(descriptor.davg)

    def add(self, env: Environment) -> None:
        """Add the rows of one frame."""
        rows = self._descriptor.raw(env)
        self._count.index_add_(0, env.types, rows.new_ones(env.natoms, 1))
        self._sum.index_add_(0, env.types, rows)
        self._square.index_add_(0, env.types, rows.square())

    def finish(self) -> None:
        """Set the descriptor's davg and dstd."""
        count = self._count.clamp(min=1)
        mean = self._sum / count
        spread = (self._square / count - mean.square()).clamp(min=0).sqrt().clamp(min=SMALLEST_SPREAD)
        self._descriptor.davg.copy_(mean)
        self._descriptor.dstd.copy_(torch.where(self._count > 0, spread, UNKNOWN_SPREAD))
