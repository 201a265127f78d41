"""Molecular dynamics with springs that hold atoms near their sites, as models with random weights may not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepaw.potential.engine.engine import PotentialEngine
from potential.structures import Structure, evaluate


@dataclass(frozen=True)
class Trajectory:
    """Energies and displacements at every step, from the initial structure on.

    potential: energy of the model. total: with the energies of springs and motion.
    farthest: largest displacement of a coordinate from its site, A. last: final positions (natoms, 3), A.
    """

    potential: np.ndarray
    total: np.ndarray
    farthest: np.ndarray
    last: np.ndarray


def tethered(
    engine: PotentialEngine, structure: Structure, *, steps: int, step: float, spring: float, speed: float
) -> Trajectory:
    """Run velocity Verlet with masses 1, in units of energy such that the largest initial force is 0.5.

    step: time step. spring: force constant. speed: standard deviation of the initial velocities.
    """
    unit = float(evaluate(engine, structure).force.abs().max()) / 0.5
    coord, velocity = structure.coord, np.random.default_rng(8).normal(0, speed, structure.coord.shape)
    potential, total, farthest, force = [], [], [], np.zeros_like(coord)
    for number in range(steps + 1):
        if number:
            velocity = velocity + 0.5 * step * force
            coord = coord + step * velocity
        found = evaluate(engine, replace(structure, coord=coord))
        shift = coord - structure.coord
        force = found.force.numpy() / unit - spring * shift
        if number:
            velocity = velocity + 0.5 * step * force
        farthest.append(np.abs(shift).max())
        potential.append(float(found.energy) / unit)
        total.append(potential[-1] + 0.5 * spring * (shift**2).sum() + 0.5 * (velocity**2).sum())
    return Trajectory(np.array(potential), np.array(total), np.array(farthest), coord)
