"""Base class of engines: spectral kernels and the distances they cover, neighbours of each part, tiles of atoms."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor

from deepaw.modelsource import ModelSource, copied, source_of
from deepaw.potential.engine.block import Block
from deepaw.potential.engine.fitting import input_weights
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.kernel import FoldSize, Kernel
from deepaw.potential.engine.neighbourhood import Neighbourhood
from deepaw.potential.engine.precision import EXACT, Budget, find_budget
from deepaw.potential.engine.registry import ENDS_AT_SHORTEST, KERNELS, is_spectral
from deepaw.potential.engine.sorting import AtomSorter, SortedAtoms
from deepaw.potential.engine.trial import Trial, make_trial
from deepaw.potential.exact import describe_exactly
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.threads import each_share

COVERED = 0.75
"""A: distance down to which embeddings are represented from the start; for shorter distances kernels are made anew."""

SHORTEST = 0.25
"""A: below this distance embeddings are continued as straight lines in s: finite and smooth, but not physical."""

TILE_ATOMS, TILE_PAIRS = 128, 24_000
"""Largest number of atoms, and of pairs, of a tile: arrays of that size stay in a processor's cache."""


Model = TypeVar("Model", bound=AtomicModel)
BlockOfType = TypeVar("BlockOfType", bound=Block)
Sums = TypeVar("Sums")


class Engine(ABC, Generic[Model, BlockOfType]):
    """Evaluates frames in the spectral form of the model.

    The equations are used instead if `precision` is `exact`, or if a part of the descriptor has no spectral form that
    covers the shortest distance of a frame.

    precision: float64, float32 or exact. skin: A; neighbour lists extend beyond the cutoff by it and are reused until
    an atom has moved by half of it. source: file of the model, from which the engine is made again when it is pickled.

    Copies share the model and the kernels, and have neighbour lists of their own.

    Raises InputError: no such precision.
    """

    def __init__(
        self,
        model: Model,
        precision: str = "float64",
        *,
        skin: float = 0.0,
        source: ModelSource[Model] | None = None,
    ) -> None:
        self.precision, self.skin, self.source = precision, skin, source
        self.model = copy.deepcopy(model).double().requires_grad_(False).eval()
        self._budget = None if precision == EXACT else find_budget(precision)
        self._not_covered = 0.0
        if not all(is_spectral(part) for part in self.model.descriptor.parts):
            self._not_covered = float("inf")
        self._sorter = AtomSorter(self.model, skin)
        self._blocks: list[BlockOfType] = []
        self._shortest = COVERED
        self._warned_short = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (type(self), source_of(self, self.source), self.precision, self.skin)

    def __copy__(self) -> Self:
        twin = copied(self)
        twin._sorter = AtomSorter(self.model, self.skin)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    @abstractmethod
    def _block(self, kind: int, kernels: Sequence[Kernel], dtype: torch.dtype) -> BlockOfType:
        """Return the block that evaluates atoms of one type, from a kernel for each part of the descriptor."""

    def descriptors(self, frame: Frame) -> Tensor:
        """Compute descriptors (natoms, width), by the equations whatever the precision; errors as of `evaluate`."""
        atoms = self._sorter.sort_frame(frame)
        self._check_distances(atoms.shortest)
        return describe_exactly(self.model, atoms.env)[atoms.original_order]

    def blocks(self, shortest: float = COVERED) -> list[BlockOfType] | None:
        """Return blocks for each type of centre that cover distances from `shortest` (A) on; None if the equations are
        used."""
        if self._budget is None or not self._make_coverage(shortest, self._budget):
            return None
        return self._blocks

    def sizes(self) -> list[list[FoldSize]]:
        """Return the sizes for each type of centre and each part of the descriptor; none if the equations are used."""
        return [block.sizes for block in self.blocks() or []]

    @cached_property
    def _by_equations(self) -> Model:
        """Model with its networks in the dtype of the precision."""
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
        """Return the normalised parameters of atoms, (natoms, ...), or None: `FittingNets.normalised_parameters`."""
        return self.model.fitting.normalised_parameters(atoms.natoms, atoms.fparam, atoms.aparam)

    def _ensure_coverage(self, shortest: float) -> bool:
        """Whether the spectral form covers distances from `shortest` (A) on; blocks are made if necessary."""
        return self._budget is not None and self._make_coverage(min(shortest, COVERED), self._budget)

    def _make_coverage(self, shortest: float, budget: Budget) -> bool:
        """Make blocks that cover distances from `shortest` (A) on; return whether this is possible."""
        parts = self.model.descriptor.parts
        if shortest <= self._not_covered or (
            shortest < SHORTEST and any(isinstance(part, ENDS_AT_SHORTEST) for part in parts)
        ):
            return False
        if self._blocks and max(shortest, SHORTEST) >= self._shortest:
            return True
        covered = min(self._shortest, max(0.8 * shortest, SHORTEST)) if shortest < COVERED else COVERED
        previous_blocks = self._blocks
        deviation = float("inf")
        for tightened in budget.tightened():
            blocks = self._make_blocks(covered, tightened)
            if blocks is None:
                break
            self._blocks = blocks
            previous, deviation = (
                deviation,
                self._deviation(make_trial(len(self.model.type_map), covered, self.model.rcut)),
            )
            if deviation <= budget.allowed:
                self._shortest = covered
                return True
            if deviation > 0.5 * previous:
                break
        self._blocks = previous_blocks
        self._not_covered = shortest if covered < COVERED else float("inf")
        return False

    def _make_blocks(self, covered: float, budget: Budget) -> list[BlockOfType] | None:
        """Return blocks for each type of centre, or None if a part has no kernel that covers this distance (A)."""
        model, parts = self.model, self.model.descriptor.parts
        kinds = range(len(model.type_map))
        nets: list[Any] = [model.fitting.net(kind) for kind in kinds]
        firsts = [input_weights(net.layers[0])[: model.descriptor.width] for net in nets]
        weights = zip(*(first.split([part.width for part in parts]) for first in firsts), strict=True)
        kernels = []
        for part, part_weights in zip(parts, weights, strict=True):
            part_kernels = KERNELS[type(part)](part, covered, part_weights, budget)
            if part_kernels is None:
                return None
            kernels.append(part_kernels)
        return [self._block(kind, [part[kind] for part in kernels], budget.dtype) for kind in kinds]

    @abstractmethod
    def _deviation(self, trial: Trial) -> float:
        """Return the largest relative deviation of the blocks from the equations."""

    def _average_parameters(self, natoms: int) -> tuple[Tensor, Tensor]:
        """Return fparam and aparam of each atom, (natoms, ...), equal to their means in the training data."""
        fitting = self.model.fitting
        return fitting.fparam_mean.expand(natoms, -1), fitting.aparam_mean.expand(natoms, -1)

    def _run_tiles(
        self,
        neighbourhood: Neighbourhood,
        work: Callable[[int, list[NeighbourTable], slice, Any], None],
        accumulators: Callable[[], Sums],
    ) -> list[Sums]:
        """Call work(kind, tables, atoms, sums) for every tile of a selected type; return the sums of each thread.

        Tiles are divided among threads in order. sums: accumulator of the thread, from `accumulators`. tables:
        neighbours for each part of the descriptor.
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
        """Yield the type and range of atoms of every tile; atoms are sorted by type."""
        max_neighbours = max(1, neighbourhood.max_neighbours)
        limits = [block.largest_tile for block in self._blocks if block.largest_tile is not None]
        size = min([TILE_ATOMS, max(1, TILE_PAIRS // max_neighbours), *limits])
        first = 0
        counts = torch.bincount(neighbourhood.types, minlength=len(self.model.type_map)).tolist()
        for kind, count in enumerate(counts):
            pieces = max(1, -(-count // size))
            edges = [first + count * piece // pieces for piece in range(pieces + 1)]
            if self.model.type_mask[kind] != 0:
                yield from ((kind, a, b) for a, b in pairwise(edges) if b > a)
            first += count


def _opened(kind: type[Engine[Any, Any]], source: ModelSource[Any], precision: str, skin: float) -> Engine[Any, Any]:
    """Make a pickled engine again."""
    return kind(source.open(), precision, skin=skin, source=source)
