"""Which weight of a gated network belongs to which irreps: the bookkeeping of the published layout without e3nn.

A tensor of features is a row of blocks; a block is `mul` copies of one irrep, (copy, m) with m fastest. The order of
blocks and of the flattened weights is the one e3nn gives the modules of `reference.interaction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from deepaw.density.model.config import GatedConfig

SPECIES = 119
"""Atomic numbers 0..118, one-hot."""


@dataclass(frozen=True, order=True)
class Irrep:
    """Degree and parity, ordered as e3nn orders them."""

    degree: int
    parity: int

    @property
    def dim(self) -> int:
        """2 l + 1."""
        return 2 * self.degree + 1

    @property
    def scalar(self) -> bool:
        """Invariant under rotation and inversion."""
        return self == SCALAR

    def couples(self, other: Irrep) -> list[Irrep]:
        """The irreps of the product, lowest degree first."""
        low, high = abs(self.degree - other.degree), self.degree + other.degree
        return [Irrep(degree, self.parity * other.parity) for degree in range(low, high + 1)]


SCALAR = Irrep(0, 1)


@dataclass(frozen=True)
class Block:
    """`mul` copies of an irrep, at `start` of the row of features."""

    mul: int
    irrep: Irrep
    start: int

    @property
    def dim(self) -> int:
        """Numbers it takes."""
        return self.mul * self.irrep.dim

    @property
    def part(self) -> slice:
        """Where it is."""
        return slice(self.start, self.start + self.dim)


@dataclass(frozen=True)
class Row:
    """Blocks one after the other."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, parts: list[tuple[int, Irrep]]) -> Row:
        """Lay out (mul, irrep) in the given order."""
        blocks, start = [], 0
        for mul, irrep in parts:
            blocks.append(Block(mul, irrep, start))
            start += mul * irrep.dim
        return cls(tuple(blocks))

    @property
    def dim(self) -> int:
        """Length of the row."""
        return sum(block.dim for block in self.blocks)

    def find(self, irrep: Irrep) -> Block | None:
        """The first block of an irrep."""
        return next((block for block in self.blocks if block.irrep == irrep), None)


@dataclass(frozen=True)
class Path:
    """One channel-wise coupling: sender block `sender` with harmonics of degree `edge` to block `middle`.

    Its radial weights, one a channel, start at `weight` among those of the layer.
    """

    sender: int
    edge: int
    middle: int
    weight: int


@dataclass(frozen=True)
class GateLayout:
    """Scalars are activated, gates multiply the gated blocks; `inputs` is what an interaction must deliver."""

    scalars: tuple[tuple[int, Irrep], ...]
    gated: tuple[tuple[int, Irrep], ...]

    @property
    def gates(self) -> int:
        """Number of gates, which come last in the 0e block of the inputs."""
        return sum(mul for mul, _ in self.gated)

    @cached_property
    def inputs(self) -> Row:
        """Sorted by irrep, equal irreps merged."""
        count: dict[Irrep, int] = {}
        gates = [(self.gates, SCALAR)] if self.gates else []
        for mul, irrep in [*self.scalars, *gates, *self.gated]:
            count[irrep] = count.get(irrep, 0) + mul
        return Row.of([(count[irrep], irrep) for irrep in sorted(count)])

    @cached_property
    def outputs(self) -> Row:
        """The activated scalars, then the gated blocks."""
        return Row.of([*self.scalars, *self.gated])


@dataclass(frozen=True)
class InteractionLayout:
    """One interaction of senders with receivers through harmonics of degree 0..lmax."""

    sender: Row
    receiver: Row
    gate: GateLayout
    lmax: int

    @cached_property
    def _coupled(self) -> tuple[Row, tuple[Path, ...]]:
        found = []
        for i, block in enumerate(self.sender.blocks):
            for edge in range(self.lmax + 1):
                for irrep in block.irrep.couples(Irrep(edge, (-1) ** edge)):
                    if irrep.scalar or self.gate.inputs.find(irrep):
                        found.append((i, edge, irrep))
        order = sorted(range(len(found)), key=lambda k: found[k][2])
        place = {k: position for position, k in enumerate(order)}
        middle = Row.of([(self.sender.blocks[found[k][0]].mul, found[k][2]) for k in order])
        paths, weight = [], 0
        for k, (i, edge, _) in enumerate(found):
            paths.append(Path(i, edge, place[k], weight))
            weight += self.sender.blocks[i].mul
        return middle, tuple(paths)

    @property
    def middle(self) -> Row:
        """What the tensor product gives: a block per path, sorted by irrep, not merged."""
        return self._coupled[0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """In the order of the radial weights."""
        return self._coupled[1]

    @property
    def weights(self) -> int:
        """Radial weights of the layer."""
        return sum(self.sender.blocks[path.sender].mul for path in self.paths)


@dataclass(frozen=True)
class NetworkLayout:
    """The interactions of the atom network and of the probe network."""

    atoms: tuple[InteractionLayout, ...]
    probes: tuple[InteractionLayout, ...]

    @classmethod
    def of(cls, config: GatedConfig) -> NetworkLayout:
        """The layout of a configuration."""
        atoms: list[InteractionLayout] = []
        row = Row.of([(SPECIES, SCALAR)])
        for _ in range(config.num_interactions):
            atoms.append(InteractionLayout(row, row, _gate(row, config), config.lmax))
            row = atoms[-1].gate.outputs
        probes: list[InteractionLayout] = []
        row = Row.of([(1, SCALAR)])
        for layer in atoms:
            probes.append(InteractionLayout(layer.gate.outputs, row, _gate(row, config), config.lmax))
            row = probes[-1].gate.outputs
        return cls(tuple(atoms), tuple(probes))


def _gate(receiver: Row, config: GatedConfig) -> GateLayout:
    """Hidden irreps that the receivers' own features couple to through the harmonics."""
    reached = {
        irrep
        for block in receiver.blocks
        for edge in range(config.lmax + 1)
        for irrep in block.irrep.couples(Irrep(edge, (-1) ** edge))
    }
    hidden = [Irrep(degree, parity) for degree in range(config.lmax + 1) for parity in (-1, 1)]
    present = [(config.copies(irrep.degree), irrep) for irrep in hidden if irrep in reached]
    scalars = tuple(x for x in present if x[1].degree == 0)
    return GateLayout(scalars, tuple(x for x in present if x[1].degree > 0))
