"""Densities at probes, differentiable in a network's weights, in the engine's own formulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.tiles import Surroundings
from deepaw.density.model.expansion import AtomGraph, ExpansionNetwork
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import FittedAtoms
from deepaw.density.model.multipoles import density_of_grouped_pairs
from deepaw.density.model.splines import SplineConfig, spline_table
from deepaw.density.occupancies.compensation import AtomicCharges, CompensationCharges
from deepaw.density.occupancies.readout import Components, OccupancyReadout
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

    distance (natoms, longest), A; radial (natoms, longest, functions), angular (natoms, longest, (lmax + 1)^2), zero
    where there is no pair; point (natoms * longest,).
    """

    distance: Tensor
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
        distances = vectors.norm(dim=-1)
        distance = torch.zeros(natoms * longest, device=device)
        distance[slot] = distances
        radial = torch.zeros(natoms * longest, splines.size, device=device)
        radial[slot] = spline_table(splines, device=device)(distances)
        angular = torch.zeros(natoms * longest, (splines.lmax + 1) ** 2, device=device)
        angular[slot] = spherical_harmonics(splines.lmax, vectors)
        point = torch.zeros(natoms * longest, dtype=torch.int64, device=device)
        point[slot] = probes.point.to(device)
        shape = (natoms, longest)
        return GroupedPairs(distance.view(shape), radial.view(*shape, -1), angular.view(*shape, -1), point)

    def density(
        self, splines: SplineConfig, coefficients: Tensor, npoints: int, charges: AtomicCharges | None = None
    ) -> Tensor:
        """(npoints,), e/A^3, with the compensation charges of the atoms where they are given.

        In float32 under autocast too, since a density needs more digits than bfloat16 has.
        """
        with torch.autocast(coefficients.device.type, enabled=False):
            values = density_of_grouped_pairs(splines, coefficients, self.radial, self.angular)
            if charges is not None:
                profiles = charges.profiles(self.distance)
                values = values + (profiles * self.angular[..., : profiles.shape[-1]]).sum(dim=-1)
            return values.new_zeros(npoints).index_add(0, self.point, values.flatten())


class ExpansionObjective:
    """The multipole expansion: the network runs once over all atoms of the batch; its graphs are kept.

    occupancies: read off the network's features, or None. charges: compensation charges that they add to what the
    expansion gives, where that is the smooth density alone. known: charges of structures to learn from, by the id of
    their atoms, which take the place of predicted ones: what is left to the expansion is then the smooth density of the
    data, whatever the occupancies' errors.
    """

    def __init__(
        self,
        network: ExpansionNetwork,
        fitted: FittedAtoms,
        device: torch.device,
        occupancies: OccupancyReadout | None = None,
        charges: CompensationCharges | None = None,
        known: Mapping[int, AtomicCharges] | None = None,
    ) -> None:
        self._network, self._fitted, self._device = network, fitted, device
        self._occupancies, self._charges, self._known = occupancies, charges, known or {}
        self._graphs: dict[int, tuple[Atoms, AtomGraph]] = {}
        self.components: Components = {}
        """What the readout of occupancies gave for the atoms of the last batch, one structure after another."""

    def begin_step(self) -> None:
        """Nothing is kept that depends on weights."""

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        splines = self._network.config.splines
        graph = AtomGraph.join([self._graph(atoms) for atoms, _ in batch])
        numbers = np.concatenate([atoms.get_atomic_numbers() for atoms, _ in batch])
        features = self._network.features(graph)
        predicted = self._network.coefficients(features, graph).float()
        if self._occupancies is not None:
            self.components = self._occupancies(features, numbers)
        charges = self._charges.of_components(self.components, numbers) if self._charges is not None else None
        spherical = self._fitted.of_atoms(torch.from_numpy(numbers)).to(predicted)
        count = spherical.shape[1]
        coefficients = torch.cat([predicted[:, :count] + spherical, predicted[:, count:]], dim=1)
        result, start = [], 0
        for atoms, probes in batch:
            rows = slice(start, start + len(atoms))
            pairs = GroupedPairs.of(probes, len(atoms), splines, self._device)
            own = self._known.get(id(atoms), charges.rows(rows)) if charges is not None else None
            result.append(pairs.density(splines, coefficients[rows], len(probes.density), own))
            start = rows.stop
        return result

    @torch.no_grad()
    def atom_features(self, atoms: Atoms) -> list[Tensor]:
        """Features of the atoms of one structure, by degree, with the weights of the moment."""
        return self._network.features(self._graph(atoms))

    @torch.no_grad()
    def matrices(self, atoms: Atoms) -> list[NDArray[np.float64] | None]:
        """Occupancies of the atoms of one structure with the weights of the moment, as the readout gives them."""
        assert self._occupancies is not None
        return self._occupancies.matrices(self.atom_features(atoms), atoms.get_atomic_numbers())

    def _graph(self, atoms: Atoms) -> AtomGraph:
        """By identity; the atoms are kept as well, for an id is free again once its owner is gone."""
        if id(atoms) not in self._graphs:
            self._graphs[id(atoms)] = (atoms, self._network.graph(atoms))
        return self._graphs[id(atoms)][1]


class FittedObjective:
    """The fitted atoms alone, with compensation charges of mean occupancies where these are given: what a network has
    to beat.
    """

    def __init__(self, fitted: FittedAtoms, device: torch.device, charges: CompensationCharges | None = None) -> None:
        self._fitted, self._device, self._charges = fitted, device, charges

    def begin_step(self) -> None:
        """There are no weights."""

    def densities(self, batch: Sequence[tuple[Atoms, Probes]]) -> list[Tensor]:
        result = []
        for atoms, probes in batch:
            numbers = atoms.get_atomic_numbers()
            coefficients = self._fitted.of_atoms(torch.from_numpy(numbers)).to(self._device)
            pairs = GroupedPairs.of(probes, len(atoms), self._fitted.splines, self._device)
            charges = self._charges.of_means(numbers) if self._charges is not None else None
            # their harmonics are spherical, as the splines are
            own = AtomicCharges(charges.moments[:, :1], charges.radii) if charges is not None else None
            result.append(pairs.density(self._fitted.splines, coefficients, len(probes.density), own))
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
