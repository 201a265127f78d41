"""Densities at probes, differentiable in a network's weights, in the engine's own formulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from ase import Atoms
from torch import Tensor

from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.tiles import Surroundings
from deepaw.density.model.expansion import AtomGraph, ExpansionNetwork
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import FittedAtoms
from deepaw.density.model.multipoles import density_of_grouped_pairs
from deepaw.density.model.splines import SplineConfig, spline_table
from deepaw.density.training.probes import Probes
from deepaw.equivariant import spherical_harmonics


class Objective(Protocol):
    """Densities of a batch of structures at their probes."""

    def begin_step(self) -> None:
        """The weights have changed."""

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        """(npoints,) of every structure, e/A^3, the fitted atoms included."""


@dataclass(frozen=True)
class GroupedPairs:
    """Pairs of a structure in rows of one length, an atom a row, as `density_of_grouped_pairs` wants them.

    radial (natoms, longest, functions), angular (natoms, longest, (lmax + 1)^2), point (natoms * longest,).
    """

    radial: Tensor
    angular: Tensor
    point: Tensor

    @staticmethod
    def of(probes: Probes, natoms: int, splines: SplineConfig, device: torch.device) -> GroupedPairs:
        """Lay out the pairs of some probes."""
        atom, vectors = probes.atom.to(device), probes.vectors.to(device)
        counts = torch.bincount(atom, minlength=natoms)
        longest = max(1, int(counts.max()))  # in a box that is mostly empty no probe may be within reach
        slot = atom * longest + torch.arange(len(atom), device=device) - (counts.cumsum(0) - counts)[atom]
        radial = torch.zeros(natoms * longest, splines.size, device=device)
        radial[slot] = spline_table(splines, device=device)(vectors.norm(dim=-1))
        angular = torch.zeros(natoms * longest, (splines.lmax + 1) ** 2, device=device)
        angular[slot] = spherical_harmonics(splines.lmax, vectors)
        point = torch.zeros(natoms * longest, dtype=torch.int64, device=device)
        point[slot] = probes.point.to(device)
        return GroupedPairs(radial.view(natoms, longest, -1), angular.view(natoms, longest, -1), point)

    def density(self, splines: SplineConfig, coefficients: Tensor, npoints: int) -> Tensor:
        """(npoints,), e/A^3; in float32 under autocast too, since a density needs more digits than bfloat16 has."""
        with torch.autocast(coefficients.device.type, enabled=False):
            values = density_of_grouped_pairs(splines, coefficients, self.radial, self.angular).flatten()
            return values.new_zeros(npoints).index_add(0, self.point, values)


class ExpansionObjective:
    """The multipole expansion: the network runs once over all atoms of the batch; its graphs are kept."""

    def __init__(self, network: ExpansionNetwork, fitted: FittedAtoms, device: torch.device) -> None:
        self._network, self._fitted, self._device = network, fitted, device
        self._graphs: dict[int, tuple[Atoms, AtomGraph]] = {}
        self.features: list[list[Tensor]] = []
        """Of every structure of the last batch, the network's features by degree, for what else is read off them."""

    def begin_step(self) -> None:
        """Nothing is kept that depends on weights."""

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        splines = self._network.config.splines
        graph = AtomGraph.join([self._graph(atoms) for atoms, _ in batch])
        features = self._network.features(graph)
        sizes = [len(atoms) for atoms, _ in batch]
        self.features = [list(parts) for parts in zip(*(block.split(sizes) for block in features), strict=True)]
        predicted = self._network.coefficients(features, graph).float()
        count = self._fitted.coefficients.shape[1]
        result = []
        for (atoms, probes), own in zip(batch, predicted.split(sizes), strict=True):
            spherical = self._fitted.of_atoms(torch.from_numpy(atoms.get_atomic_numbers())).to(own)
            coefficients = torch.cat([own[:, :count] + spherical, own[:, count:]], dim=1)
            pairs = GroupedPairs.of(probes, len(atoms), splines, self._device)
            result.append(pairs.density(splines, coefficients, len(probes.density)))
        return result

    @torch.no_grad()
    def atom_features(self, atoms: Atoms) -> list[Tensor]:
        """Features of the atoms of one structure, by degree, with the weights of the moment."""
        return self._network.features(self._graph(atoms))

    def _graph(self, atoms: Atoms) -> AtomGraph:
        """By identity; the atoms are kept as well, for an id is free again once its owner is gone."""
        if id(atoms) not in self._graphs:
            self._graphs[id(atoms)] = (atoms, self._network.graph(atoms))
        return self._graphs[id(atoms)][1]


class FittedObjective:
    """The fitted atoms alone: what a network has to beat."""

    def __init__(self, fitted: FittedAtoms, device: torch.device) -> None:
        self._fitted, self._device = fitted, device

    def begin_step(self) -> None:
        """There are no weights."""

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        result = []
        for atoms, probes in batch:
            coefficients = self._fitted.of_atoms(torch.from_numpy(atoms.get_atomic_numbers())).to(self._device)
            pairs = GroupedPairs.of(probes, len(atoms), self._fitted.splines, self._device)
            result.append(pairs.density(self._fitted.splines, coefficients, len(probes.density)))
        return result


class GatedObjective:
    """The gated network, through the engine's trainable evaluator: the basis is fixed, its coefficients are learnt."""

    def __init__(self, network: GatedNetwork, fitted: FittedAtoms, device: torch.device) -> None:
        self._evaluator = GatedEvaluator(network, None)
        self._baseline = FittedObjective(fitted, device)

    def begin_step(self) -> None:
        """Read the weights again."""
        self._evaluator.refresh()

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        result = []
        for (atoms, probes), spherical in zip(batch, self._baseline.densities(batch), strict=True):
            tile = Surroundings(atoms, self._evaluator.cutoff).tile(probes.points)
            result.append(self._evaluator.evaluate(self._evaluator.prepare(atoms), tile)[:, 0] + spherical)
        return result


def nmae(density: Tensor, reference: Tensor, mean: float) -> Tensor:
    """Mean |error| over the structure's mean |density|: an unbiased estimate of the NMAE from a few points."""
    return (density - reference.to(density)).abs().mean() / mean
