"""Objects that hold a model: how they are made, and numbers they give. A module that other processes can import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms

from deepaw import InferenceEngine
from deepaw.ase import DeepPotCalculator
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.channels import channels_of_text
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.setup import PawSetup
from deepaw.gpaw.sources import PredictedDensity
from deepaw.infer import DeepDipole, DeepPolar, DeepPot
from server.models import cluster, magnesia, write_potential, write_tensor

WORK = cluster()
POINTS = np.random.default_rng(0).uniform(0, 4, (40, 3))


def water() -> Atoms:
    numbers = np.array([8, 1])[WORK.types]
    return Atoms(numbers, positions=WORK.coord[0], cell=WORK.cell[0], pbc=True)  # type: ignore[index]


def write_density(path: Path) -> Path:
    torch.manual_seed(0)
    splines = SplineConfig((6, 4), (3.0, 3.0))
    config = ExpansionConfig((8, 12), channels=4, lmax=1, sender_lmax=1, num_interactions=1, splines=splines)
    network = ExpansionNetwork(config)
    channels = {symbol: channels_of_text(symbol, "s s p") for symbol in ("O", "Mg")}
    readout = OccupancyReadout(channels, network.feature_count, 1)
    for weight in [*readout.weights, readout.bias]:
        torch.nn.init.normal_(weight)
    setups = {symbol: PawSetup(channel, "") for symbol, channel in channels.items()}
    DensityModel(network, occupancies=Occupancies(readout, setups, {})).save(path)
    return path


def energies(calculator: DeepPotCalculator) -> np.ndarray:
    atoms = water()
    atoms.calc = calculator
    return np.append(atoms.get_forces(), atoms.get_potential_energy())


def of_frame(model: Any) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in model.eval(WORK.coord, WORK.cell, WORK.types, atomic=True)])


@dataclass(frozen=True)
class Kind:
    """What is copied: how it is made of a file, what the file holds, and numbers that it gives."""

    make: Callable[[Path], Any]
    write: Callable[[Path], Path]
    numbers: Callable[[Any], np.ndarray]


KINDS = {
    "DeepPot": Kind(DeepPot, write_potential, of_frame),
    "DeepPot, float32": Kind(lambda path: DeepPot(path, "float32"), write_potential, of_frame),
    "DeepDipole": Kind(DeepDipole, write_tensor, of_frame),
    "DeepPolar": Kind(DeepPolar, lambda path: write_tensor(path, "polar"), of_frame),
    "DeepPotCalculator": Kind(
        lambda path: DeepPotCalculator(path, precision="exact", type_dict={"O": 0, "H": 1}), write_potential, energies
    ),
    "InferenceEngine": Kind(
        lambda path: InferenceEngine(path, precision="tight"),
        write_density,
        lambda engine: engine.predict_at(magnesia(), POINTS),
    ),
    "PreparedStructure": Kind(
        lambda path: InferenceEngine(path).prepare(magnesia()), write_density, lambda prepared: prepared.at(POINTS)
    ),
    "PredictedDensity": Kind(
        PredictedDensity, write_density, lambda density: np.stack(density.occupancies(magnesia()))
    ),
}


def numbers_elsewhere(named: tuple[str, Any]) -> tuple[str, np.ndarray]:
    """Numbers of an object that came into this process by its pickle."""
    name, held = named
    return name, KINDS[name].numbers(held)
