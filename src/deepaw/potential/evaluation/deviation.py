"""How far each precision of the engine is from the equations, measured, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import numpy as np

from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.kernel import FoldSize
from deepaw.potential.engine.precision import BUDGETS, EXACT
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel

EDGE = 6
"""Atoms along each edge of the sample structure."""

NEAREST, FARTHEST = 1.4, 4.0
"""A, between which the sites of the sample structure lie from each other, whatever `sel` would ask for."""

FILLED, OVERFULL = 0.7, 2.0
"""Of all slots, about how many neighbours there are in the sample structure; where those beyond do not count, enough
for every slot of every atom."""

SECONDS = 0.5
"""Speed is measured for at least that long."""


@dataclass(frozen=True)
class Deviation:
    """One precision beside the equations.

    sizes: as `PotentialEngine.sizes`. energy: |deviation|, eV/atom. force: the largest deviation of any component,
    relative to the largest component. atoms_per_second: energy, forces and virial, neighbour list included.
    """

    precision: str
    sizes: list[list[FoldSize]]
    energy: float
    force: float
    atoms_per_second: float


def measure_deviations(model: PotentialModel) -> Iterator[Deviation]:
    """Every precision in turn, the equations last."""
    frame = sample_frame(model)
    expected = PotentialEngine(model, EXACT).evaluate(frame)
    scale = float(expected.force.abs().max()) or 1.0
    for precision in (*BUDGETS, EXACT):
        engine = PotentialEngine(model, precision)
        found = engine.evaluate(frame)
        rounds, start = 0, time.perf_counter()
        while rounds == 0 or time.perf_counter() - start < SECONDS:
            engine.evaluate(frame)
            rounds += 1
        yield Deviation(
            precision,
            engine.sizes(),
            abs(float(found.energy - expected.energy)) / len(frame.types),
            float((found.force - expected.force).abs().max()) / scale,
            rounds * len(frame.types) / (time.perf_counter() - start),
        )


def sample_frame(model: AtomicModel) -> Frame:
    """A rattled simple cubic crystal of atoms of all types, in the proportions of `sel` and about as dense."""
    random = np.random.default_rng(0)
    sel = np.array(model.descriptor.sel, dtype=np.float64)
    if len(sel) != len(model.type_map):  # neighbours of any type
        sel = np.full(len(model.type_map), sel.sum() / len(model.type_map))
    filled = OVERFULL if any(part.drops_farthest for part in model.descriptor.parts) else FILLED
    spacing = (4 / 3 * pi * model.rcut**3 / (filled * sel.sum())) ** (1 / 3)
    spacing = float(np.clip(spacing, max(NEAREST, 1.1 * (model.closest or 0.0)), FARTHEST))
    sites = spacing * np.array(list(np.ndindex(EDGE, EDGE, EDGE)))
    coord = sites + random.uniform(-0.05, 0.05, sites.shape) * spacing
    types = random.choice(len(sel), len(sites), p=np.maximum(sel, 1) / np.maximum(sel, 1).sum())
    if model.config.is_masked:
        return Frame(coord, None, types, aparam=np.ones((len(sites), 1)))
    config, fitting = model.config.fitting_net, model.fitting
    return Frame(
        coord,
        EDGE * spacing * np.eye(3),
        types,
        fparam=fitting.fparam_mean.cpu().numpy().copy() if config.numb_fparam else None,
        aparam=np.tile(fitting.aparam_mean.cpu().numpy(), (len(sites), 1)) if config.numb_aparam else None,
    )
