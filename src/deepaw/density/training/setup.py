"""From an input file to everything a training works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from deepaw.density.data.example import Example
from deepaw.density.data.sources import read_examples
from deepaw.density.data.split import Split, split
from deepaw.density.data.valence import valence_electrons
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.coverage import coverage_of
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.fitted_atoms import RadialSample, fit_atoms
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.compensation import AtomicCharges, CompensationCharges
from deepaw.density.training.config import DensityInput, ExpansionInput
from deepaw.density.training.objective import ExpansionObjective, GatedObjective, Objective
from deepaw.density.training.occupancies import OccupancyTraining, occupancy_training
from deepaw.density.training.probes import ProbeSource

FIT_PROBES = 1500
"""Points of each structure that the fitted atoms are fitted to."""

READOUT_START = 300.0
"""Factor on a gated network's last weights. Those of variance 1 make a density of 1e-4 e/A^3 or so, and what fitted
atoms leave to it is some hundred times more; from there on it learns in half as many steps."""


@dataclass(frozen=True)
class Setup:
    """The split data with probe sources in the same order, the model to train and its objective.

    occupancies: learnt beside the density, where the data has any; they are read off the features of the objective.
    """

    split: Split
    sources: dict[str, ProbeSource]
    model: DensityModel
    objective: Objective
    occupancies: OccupancyTraining | None


def prepare_training(
    settings: DensityInput, folder: Path, device: torch.device, fitted: torch.Tensor | None = None
) -> Setup:
    """Read and split the data, fit the atoms (unless their coefficients are given), make the network.

    `folder`: what the data's paths are relative to. Raises InputError: anything wrong with the data.
    """
    examples = read_examples(*(folder / system for system in settings.data.systems))
    parts = split(examples, settings.data.validation_fraction, settings.data.split_seed, settings.data.leave_out)
    elements = tuple(sorted({int(number) for example in examples for number in example.atoms.numbers}))
    splines = settings.model.splines.config()
    config: ExpansionConfig | GatedConfig
    if isinstance(settings.model, ExpansionInput):
        config = settings.model.config(elements)
        reach = splines.cutoff
    else:
        config = settings.model.config()
        reach = max(splines.cutoffs[0], config.cutoff)
    sources = {example.name: ProbeSource(example.atoms, example.density, reach) for example in examples}
    spherical = SplineConfig(splines.counts[:1], splines.cutoffs[:1], splines.power)
    torch.manual_seed(settings.training.seed)
    network: ExpansionNetwork | GatedNetwork
    occupancies = None
    if isinstance(config, ExpansionConfig):
        network = ExpansionNetwork(config).to(device)
        if settings.occupancies.learn:
            occupancies = occupancy_training(settings.occupancies, parts, network, device)
    else:
        network = GatedNetwork(config).to(device)
        with torch.no_grad():
            network.probe_model.readout.weight.mul_(READOUT_START)
    charges = occupancies.charges if occupancies is not None else None
    if fitted is None:
        fitted = _fit(parts.train, sources, elements, spherical, settings.training.seed, charges).float()
    atoms = FittedAtoms(elements, spherical, fitted)
    objective: Objective
    if isinstance(network, ExpansionNetwork):
        readout = occupancies.readout if occupancies is not None else None
        known = occupancies.known_charges(parts.train) if occupancies is not None else {}
        objective = ExpansionObjective(network, atoms, device, readout, charges, known)
    else:
        objective = GatedObjective(network, atoms, device)
    coverage = coverage_of(example.atoms for example in parts.train)
    model = DensityModel(network, atoms, valence_electrons(examples), coverage=coverage)
    return Setup(parts, sources, model, objective, occupancies)


def _fit(
    examples: Sequence[Example],
    sources: dict[str, ProbeSource],
    elements: tuple[int, ...],
    splines: SplineConfig,
    seed: int,
    charges: CompensationCharges | None,
) -> torch.Tensor:
    """Coefficients of the fitted atoms, to which `charges` of mean occupancies add where they are given."""
    species = torch.full((max(elements) + 1,), -1)
    species[list(elements)] = torch.arange(len(elements))
    samples = []
    for number, example in enumerate(examples):
        probes = sources[example.name].draw(FIT_PROBES, np.random.default_rng([seed, 1, number]))
        numbers, distances = example.atoms.get_atomic_numbers(), probes.vectors.norm(dim=-1)
        density = probes.density
        if charges is not None:
            mean = charges.of_means(numbers)
            spherical = AtomicCharges(mean.moments[:, :1].cpu(), mean.radii.cpu()).rows(probes.atom)
            values = spherical.profiles(distances[:, None]).flatten()
            density = density.index_add(0, probes.point, -values)
        samples.append(RadialSample(probes.point, species[torch.from_numpy(numbers)[probes.atom]], distances, density))
    return fit_atoms(samples, len(elements), splines)
