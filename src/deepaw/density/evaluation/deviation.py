"""How far each precision of the engine is from the reference, measured, and how fast it is."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from ase.spacegroup import crystal
from numpy.typing import NDArray

from deepaw.density.engine.engine import InferenceEngine
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.engine.prepared import PreparedStructure
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel
from deepaw.density.model.multipoles import density_of_pairs

POINTS = 200
"""Points where the engine and the reference are compared."""

FINE, BLOCK, SECONDS = 80, 16, 0.5
"""Speed is measured on blocks of 16^3 points of an 80^3 grid, for at least half a second."""


@dataclass(frozen=True)
class Deviation:
    """One precision: largest |engine - reference| over largest |reference|, and points per second without symmetry."""

    precision: str
    budget: float
    deviation: float
    points_per_second: float


def measure_deviations(model: DensityModel, device: str = "cpu") -> Iterator[Deviation]:
    """Every precision in turn, on a rattled fluorite crystal of two elements the model knows."""
    atoms = sample_structure(model)
    points = np.random.default_rng(1).uniform(size=(POINTS, 3)) @ atoms.cell.array
    expected = reference_density(model, atoms, points)
    for name, precision in PRECISIONS.items():
        engine = InferenceEngine(model, device, name)
        prepared = engine.prepare(atoms)
        found = prepared.at(points).reshape(expected.shape)
        speed = _speed(prepared, atoms)
        deviation = float(np.abs(found - expected).max() / np.abs(expected).max())
        yield Deviation(name, precision.budget, deviation, speed)


def _speed(prepared: PreparedStructure, atoms: Atoms) -> float:
    """Points per second."""
    index = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    done, start = -len(index), time.perf_counter()
    for origin in product(range(0, FINE, BLOCK), repeat=3):
        prepared.at((index + origin) / FINE @ atoms.cell.array)
        done += len(index)
        if done == 0:  # the first block warms up
            start = time.perf_counter()
        elif time.perf_counter() - start > SECONDS:
            break
    return done / (time.perf_counter() - start)


def sample_structure(model: DensityModel) -> Atoms:
    """Twelve atoms without symmetry: HfO2 where the model knows it, else the first and the last of its elements."""
    known = [chemical_symbols[number] for number in model.elements]
    pair = ["Hf", "O"] if not known or {"Hf", "O"} <= set(known) else [known[-1], known[0]]
    atoms = crystal(pair, [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)
    atoms.rattle(0.05, seed=1)
    return atoms


def reference_density(model: DensityModel, atoms: Atoms, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density at points (n, 3) by the reference implementation in float64, (n, outputs), e/A^3."""
    # the reference needs e3nn, which nothing else here should wait for
    from deepaw.density.model.reference import ReferenceNetwork
    from deepaw.density.model.reference.compensation import reference_charges
    from deepaw.density.model.reference.edges import all_edges
    from deepaw.density.model.reference.expansion import reference_coefficients

    numbers = torch.from_numpy(atoms.numbers.astype(np.int64))
    positions, places = torch.from_numpy(atoms.positions), torch.from_numpy(points)
    cell = torch.from_numpy(atoms.cell.complete().array)
    pbc = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    fitted = model.fitted
    total = torch.zeros(len(points), 1, dtype=torch.float64)
    if isinstance(model.network, GatedNetwork):
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # e3nn builds its constants in it
        try:
            reference = ReferenceNetwork(model.network.config)
        finally:
            torch.set_default_dtype(default)
        reference.load_state_dict(model.network.state_dict(), strict=False)
        with torch.no_grad():
            total = reference(numbers, positions, cell, pbc, places)
    multipoles = []
    if isinstance(model.network, ExpansionNetwork):
        exact = copy.deepcopy(model.network).double()
        with torch.no_grad():
            multipoles.append((exact.config.splines, reference_coefficients(exact, atoms)))
    if fitted is not None:
        multipoles.append((fitted.splines, fitted.of_atoms(numbers).double()))
    for splines, coefficients in multipoles:
        edges = all_edges(positions, cell, pbc, places, splines.cutoff, itself=True)
        values = density_of_pairs(splines, coefficients, edges.source, edges.vector)
        total[:, 0] += torch.zeros(len(points), dtype=torch.float64).index_add_(0, edges.target, values)
    if model.compensation is not None:
        total[:, 0] += reference_charges(model, atoms, places)
    return total.numpy()
