"""The whole representation of the probes, which F_local reads: a dense product per atom and tile.

Where several images of an atom are near, their products of harmonics and radial basis are summed first and multiplied
with T once. Where there is one image (large cells) the distances to it span little of [0, cutoff], and there far fewer
radial functions differ: T is first mapped to a basis of that shell. Whichever costs fewer operations is taken.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil, floor
from threading import Lock

import torch
from torch import Tensor

from deepaw.density.engine.features import edge_scale
from deepaw.density.engine.pairs import RadialFunctions, pair_geometry, tabulated
from deepaw.density.engine.precision import Precision
from deepaw.density.engine.tensors import atom_tensors, routes, width
from deepaw.density.engine.tiles import Tile
from deepaw.density.engine.weighted import WeightedTensor, cost, heavy_rows, rounds_fast
from deepaw.density.model.gated import GatedNetwork
from deepaw.spectral import Table

KEPT = 700 * 2**20
"""Bytes of per-atom tensors that are kept; others are computed again for the tiles that need them."""

TOGETHER = 8
"""Atoms whose tensors are computed at once."""

FEW = 3
"""Images of one atom, up to which their shells are considered: a shell's basis is about a third of the whole one."""

SHELL = 0.25
"""A: shells begin and end at multiples of it."""


@dataclass(frozen=True)
class Shell:
    """A basis h of a part of [0, cutoff], U (h.size, K) with g = h @ U there, and how many of h matter most."""

    basis: Table
    map: Tensor
    heavy: int


@dataclass
class EquivariantPart:
    """Features after lin1, per layer (n, sender.dim), and the tensors made from them so far, latest used last.

    Threads that work on different tiles share it; `lock` guards the tensors.
    """

    inputs: list[Tensor]
    tensors: OrderedDict[int, WeightedTensor] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    @property
    def nbytes(self) -> int:
        with self.lock:
            return sum(x.nbytes for x in self.inputs) + sum(tensor.bytes for tensor in self.tensors.values())


class EquivariantProbes:
    """The whole probe network and F_local.

    With a precision the radial functions are frozen; without one `refresh` reads the weights and gradients reach them.
    """

    def __init__(self, network: GatedNetwork, precision: Precision | None) -> None:
        assert network.local is not None
        self._network, self._local = network, network.local
        self._precision = precision
        self._like = network.probe_model.basis.mean
        self._interactions = [interaction for interaction, _ in network.probe_model.layers()]
        self._widths = [width(interaction) for interaction in self._interactions]
        self._shells: dict[tuple[int, int], Shell] = {}
        if precision is None:
            self.refresh()
            return
        exact = copy.deepcopy(network).double()
        self._set(RadialFunctions.frozen(lambda r: _hidden_functions(exact, r), network.cutoff, precision, self._like))

    def refresh(self) -> None:
        """Read the weights again."""
        self._set(
            RadialFunctions.trainable(lambda r: _hidden_functions(self._network, r), self._network.cutoff, self._like)
        )

    def _set(self, radial: RadialFunctions) -> None:
        self._radial = radial
        self._heavy = self._heavy_rows(radial.coefficients)
        hidden = radial.coefficients.chunk(len(self._interactions), dim=1)
        self._routes = [routes(i, part) for i, part in zip(self._interactions, hidden, strict=True)]

    def prepare(self, inputs: list[Tensor]) -> EquivariantPart:
        """The atoms' part, from the features after lin1."""
        return EquivariantPart(inputs)

    def evaluate(self, part: EquivariantPart, tile: Tile) -> Tensor:
        """(n, outputs) at the points of a tile."""
        harmonics, length = pair_geometry(tile, self._network.config.lmax, self._like)
        ends: list[tuple[float, float]] = []
        if self._precision is not None and len(tile.atom):
            nearest, farthest = length.aminmax(dim=1)
            ends = list(zip(nearest.tolist(), farthest.tolist(), strict=True))
        message = harmonics.new_zeros(length.shape[1], sum(self._widths))
        atoms = tile.atom.unique().tolist()
        for start in range(0, len(atoms), TOGETHER):
            group = atoms[start : start + TOGETHER]
            for atom, tensor in zip(group, self._tensors(part, group), strict=True):
                images = (tile.atom == atom).nonzero()[:, 0]
                near = images.to(length.device)
                few = bool(ends) and len(images) <= FEW
                own = [self._shell(*ends[i]) for i in images.tolist()] if few else []
                self._add(message, harmonics[near], length[near], tensor, own)
        return self._readout(message)

    def _add(
        self, message: Tensor, harmonics: Tensor, length: Tensor, tensor: WeightedTensor, shells: list[Shell]
    ) -> None:
        """Add one atom's message.

        harmonics (i, n, .) and distances (i, n) of its images, tensor (K, ., columns), shells of the images or none.
        """
        cutoff = self._network.cutoff
        points = length.shape[1]
        in_shells = sum(points * cost(len(s.map), s.heavy) + len(s.map) * tensor.cost for s in shells)
        if not shells or points * tensor.cost <= in_shells:
            basis = self._radial.basis(length.to(self._like.dtype)) * (length <= cutoff).unsqueeze(-1)
            tensor.add_product(message, torch.einsum("ink,inl->nkl", basis, harmonics))
            return
        for i, shell in enumerate(shells):
            basis = shell.basis(length[i].to(self._like.dtype)) * (length[i] <= cutoff).unsqueeze(-1)
            within = WeightedTensor.of(tensor.mapped(shell.map), shell.heavy)
            within.add_product(message, basis.unsqueeze(-1) * harmonics[i].unsqueeze(-2))

    def _heavy_rows(self, coefficients: Tensor) -> int:
        precision = self._precision
        if precision is None or self._like.dtype != torch.float32 or not rounds_fast(self._like.device):
            return len(coefficients)
        return heavy_rows(coefficients, precision.rounded)

    def _shell(self, nearest: float, farthest: float) -> Shell:
        """The shell that holds these distances."""
        assert self._precision is not None and self._radial.reduced is not None
        cutoff = self._network.cutoff
        last = ceil(cutoff / SHELL)
        low = min(floor(nearest / SHELL), last - 1)
        high = max(low + 1, min(ceil(farthest / SHELL), last))
        if (low, high) not in self._shells:
            basis, map_ = self._radial.reduced.restricted(
                low * SHELL, min(high * SHELL, cutoff), self._precision.tolerance, self._radial.coefficients.norm(dim=1)
            )
            table, map_ = tabulated(basis, cutoff, self._precision, self._like), map_.to(self._like)
            self._shells[low, high] = Shell(table, map_, self._heavy_rows(map_ @ self._radial.coefficients))
        return self._shells[low, high]

    def _tensors(self, part: EquivariantPart, atoms: list[int]) -> list[WeightedTensor]:
        with part.lock:
            found = {atom: part.tensors[atom] for atom in atoms if atom in part.tensors}
        missing = [atom for atom in atoms if atom not in found]
        if missing:
            inputs = [x[missing] for x in part.inputs]
            made = atom_tensors(self._routes, self._widths, inputs, self._network.config.lmax)
            # copies: a view would keep the tensors of the whole group alive
            weighted = [WeightedTensor.of(tensor, self._heavy).copy() for tensor in made]
            found.update(zip(missing, weighted, strict=True))
        each = found[atoms[0]].bytes
        with part.lock:
            part.tensors.update(found)
            for atom in atoms:
                part.tensors.move_to_end(atom)
            while len(part.tensors) > max(len(atoms), KEPT // each):
                part.tensors.popitem(last=False)
        return [found[atom] for atom in atoms]

    def _readout(self, message: Tensor) -> Tensor:
        hidden = message.new_zeros(len(message), 1)
        layers = self._network.probe_model.layers()
        for (interaction, gate), part in zip(layers, message.split(self._widths, dim=1), strict=True):
            hidden = gate(interaction.mix(hidden, part[:, :-1], part[:, -1:]))
        return self._network.probe_model.readout(hidden) + self._local(hidden)


def _hidden_functions(network: GatedNetwork, r: Tensor) -> Tensor:
    """The hidden layers of the radial networks of all layers, envelope included, (n, layers * HIDDEN)."""
    basis, scale = network.probe_model.basis(r), edge_scale(network.config, r).unsqueeze(-1)
    return torch.cat([i.fc.hidden(basis) * scale for i, _ in network.probe_model.layers()], dim=1)
