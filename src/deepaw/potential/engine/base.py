"""Base of engines: kernels and how far they reach, neighbours of each part, tiles of atoms."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from deepaw.potential.engine.block import Block
from deepaw.potential.engine.fitting import first_weights
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.neighbourhood import Neighbourhood
from deepaw.potential.engine.precision import EXACT, Budget, find_budget
from deepaw.potential.engine.registry import ENDING, KERNELS, is_spectral
from deepaw.potential.engine.sorting import AtomSorter, SortedAtoms
from deepaw.potential.engine.trial import Trial, trial
from deepaw.potential.exact import describe_exactly
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.threads import each_share

COVERED = 0.75
"""A: embeddings are represented down to this distance at once, and further down when it is needed."""

SHORTEST = 0.25
"""A: below this distance embeddings go on as straight lines in s: finite, smooth, and of no meaning."""

TILE_ATOMS, TILE_PAIRS = 128, 24_000
"""Atoms, and pairs of atoms, that are worked on together at most: arrays of that size stay in a processor's cache."""


Model = TypeVar("Model", bound=AtomicModel)
BlockOfType = TypeVar("BlockOfType", bound=Block)
Sums = TypeVar("Sums")


class Engine(ABC, Generic[Model, BlockOfType]):
    """Evaluates frames in the spectral form, or by the equations where `precision` is `exact` or a part of the
    descriptor has no other, or none that reaches as far as a frame asks for.

    precision: float64, float32 or exact. skin: A; neighbour lists reach that much further and are kept until an atom
    has moved by half of it.

    Raises InputError: no such precision.
    """

    def __init__(self, model: Model, precision: str = "float64", *, skin: float = 0.0) -> None:
        self.precision = precision
        self.model = copy.deepcopy(model).double().requires_grad_(False).eval()
        self._budget = None if precision == EXACT else find_budget(precision)
        self._out_of_reach = 0.0
        if not all(is_spectral(part) for part in self.model.descriptor.parts):
            self._out_of_reach = float("inf")
        self._sorter = AtomSorter(self.model, skin)
        self._blocks: list[BlockOfType] = []
        self._shortest = COVERED
        self._warned_short = False

    @abstractmethod
    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> BlockOfType:
        """What evaluates atoms of one type, from a kernel for each part of the descriptor."""

    def descriptors(self, frame: Frame) -> Tensor:
        """(natoms, width), by the equations whatever the precision; errors as of `evaluate`."""
        atoms = self._sorter.of_frame(frame)
        self._check_distances(atoms.shortest)
        return describe_exactly(self.model, atoms.env)[atoms.back]

    def sizes(self) -> list[list[FoldSize]]:
        """For each type of centre and each part of the descriptor; none where the equations are used."""
        if self._budget is None or not self._prepare(COVERED, self._budget):
            return []
        return [block.sizes for block in self._blocks]

    @cached_property
    def _by_equations(self) -> Model:
        """The model with networks in the precision asked for."""
        if self._budget is None or self._budget.dtype == torch.float64:
            return self.model
        model = copy.deepcopy(self.model)
        for parameter in model.parameters():
            parameter.data = parameter.data.to(self._budget.dtype)
        return model

    def _check_distances(self, closest: tuple[float, tuple[int, int]]) -> None:
        """Warn once about the shortest distance, A, between two atoms."""
        shortest, (first, second) = closest
        if self._warned_short or shortest >= SHORTEST:
            return
        self._warned_short = True
        warnings.warn(
            f"atoms {first} and {second} are {shortest:.3g} A apart; below {SHORTEST:g} A the potential only goes "
            "on smoothly, and its numbers mean nothing",
            stacklevel=3,
        )

    def _parameters(self, atoms: SortedAtoms) -> Tensor | None:
        """As `FittingNets.parameters_of`."""
        return self.model.fitting.parameters_of(atoms.natoms, atoms.fparam, atoms.aparam)

    def _covers(self, shortest: float) -> bool:
        """Whether there are blocks for distances from `shortest` (A) on, which are made if need be."""
        return self._budget is not None and self._prepare(min(shortest, COVERED), self._budget)

    def _prepare(self, shortest: float, budget: Budget) -> bool:
        """Make the blocks so that they cover distances from `shortest` on; returns whether that can be."""
        parts = self.model.descriptor.parts
        if shortest <= self._out_of_reach or (shortest < SHORTEST and any(isinstance(part, ENDING) for part in parts)):
            return False
        if self._blocks and max(shortest, SHORTEST) >= self._shortest:
            return True
        covered = min(self._shortest, max(0.8 * shortest, SHORTEST)) if shortest < COVERED else COVERED
        before = self._blocks
        off = float("inf")
        for tighter in budget.tighter():
            blocks = self._made(covered, tighter)
            if blocks is None:
                break
            self._blocks = blocks
            off_before, off = off, self._deviation(trial(len(self.model.type_map), covered, self.model.rcut))
            if off <= budget.allowed:
                self._shortest = covered
                return True
            if off > 0.5 * off_before:
                break
        self._blocks = before
        self._out_of_reach = shortest if covered < COVERED else float("inf")
        return False

    def _made(self, covered: float, budget: Budget) -> list[BlockOfType] | None:
        """Blocks for each type of centre, or None where a part has no kernel that reaches so far."""
        model, parts = self.model, self.model.descriptor.parts
        kinds = range(len(model.type_map))
        nets: list[Any] = [model.fitting.net(kind) for kind in kinds]
        firsts = [first_weights(net.layers[0])[: model.descriptor.width] for net in nets]
        weights = zip(*(first.split([part.width for part in parts]) for first in firsts), strict=True)
        kernels = []
        for part, of_kinds in zip(parts, weights, strict=True):
            of_part = KERNELS[type(part)](part, covered, of_kinds, budget)
            if of_part is None:
                return None
            kernels.append(of_part)
        return [self._block(kind, [part[kind] for part in kernels], budget.dtype) for kind in kinds]

    @abstractmethod
    def _deviation(self, trial: Trial) -> float:
        """How far the blocks are from the equations."""

    def _average_parameters(self, natoms: int) -> tuple[Tensor, Tensor]:
        """fparam and aparam of each atom, (natoms, ...), in the middle of what the fitting net knows."""
        fitting = self.model.fitting
        return fitting.fparam_mean.expand(natoms, -1), fitting.aparam_mean.expand(natoms, -1)

    def _each_tile(
        self,
        neighbourhood: Neighbourhood,
        work: Callable[[int, list[NeighbourTable], slice, Any], None],
        accumulators: Callable[[], Sums],
    ) -> list[Sums]:
        """Call work(kind, tables, atoms, sums) for every tile of atoms of one type that contribute.

        Tiles are divided among threads in order. sums: what the thread adds to, one of the results. tables: neighbours
        for each part of the descriptor.
        """
        tiles = list(self._tiles(neighbourhood))
        shares = max(1, min(torch.get_num_threads(), len(tiles)))

        def work_on(share: int) -> Sums:
            sums = accumulators()
            for kind, first, last in tiles[len(tiles) * share // shares : len(tiles) * (share + 1) // shares]:
                tables = neighbourhood.tables(first, last, self._blocks[kind].dtype)
                work(kind, tables, slice(first, last), sums)
            return sums

        return each_share(work_on, shares)

    def _tiles(self, neighbourhood: Neighbourhood) -> Iterator[tuple[int, int, int]]:
        """Type and range of atoms of every tile; atoms are sorted by type."""
        most = max(1, neighbourhood.most)
        limits = [block.largest_tile for block in self._blocks if block.largest_tile is not None]
        size = min([TILE_ATOMS, max(1, TILE_PAIRS // most), *limits])
        first = 0
        counts = torch.bincount(neighbourhood.types, minlength=len(self.model.type_map)).tolist()
        for kind, count in enumerate(counts):
            pieces = max(1, -(-count // size))
            edges = [first + count * piece // pieces for piece in range(pieces + 1)]
            if self.model.contributes[kind] != 0:
                yield from ((kind, a, b) for a, b in pairwise(edges) if b > a)
            first += count
