"""Dynamics of atoms that springs hold near their sites, which random weights do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepaw.potential.engine.engine import PotentialEngine
from potential.structures import Structure, evaluate


@dataclass(frozen=True)
class Trajectory:
    """Of each step, the first before anything moves: potential: energies of the model; total: with those of springs and
    motion; farthest: how far a coordinate is from its site, A. last: (natoms, 3), where the atoms are in the end."""

    potential: np.ndarray
    total: np.ndarray
    farthest: np.ndarray
    last: np.ndarray


def tethered(
    engine: PotentialEngine, structure: Structure, *, steps: int, step: float, spring: float, speed: float
) -> Trajectory:
    """Velocity Verlet, of masses 1, and of energies in units that make the largest force 0.5.

    speed: the spread of the first velocities.
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
