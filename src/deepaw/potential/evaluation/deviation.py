"""Measurement of the accuracy and the speed of `PotentialEngine` in each precision."""

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

EDGE_ATOMS = 6
"""Atoms along each edge of the sample structure."""

MIN_SPACING, MAX_SPACING = 1.4, 4.0
"""Limits of the distance between sites of the sample structure, A."""

FILL, OVERFILL = 0.7, 2.0
"""Approximate number of neighbours in the sample structure, relative to the slots of `sel`; the second for models that
drop the farthest neighbours, so that every slot of every atom is filled."""

MIN_SECONDS = 0.5
"""Shortest duration of a speed measurement, s."""


@dataclass(frozen=True)
class Deviation:
    """Deviation of one precision from the exact evaluation, and its speed.

    sizes: as `PotentialEngine.sizes`.
    energy: |deviation|, eV/atom.
    force: largest deviation of any component, relative to the largest component.
    atoms_per_second: for energy, forces and virial, with the neighbour list.
    """

    precision: str
    sizes: list[list[FoldSize]]
    energy: float
    force: float
    atoms_per_second: float


def measure_deviations(model: PotentialModel) -> Iterator[Deviation]:
    """Measure every precision in turn, the exact evaluation last."""
    frame = sample_frame(model)
    exact = PotentialEngine(model, EXACT).evaluate(frame)
    scale = float(exact.force.abs().max()) or 1.0
    for precision in (*BUDGETS, EXACT):
        engine = PotentialEngine(model, precision)
        evaluation = engine.evaluate(frame)
        rounds, start = 0, time.perf_counter()
        while rounds == 0 or time.perf_counter() - start < MIN_SECONDS:
            engine.evaluate(frame)
            rounds += 1
        yield Deviation(
            precision,
            engine.sizes(),
            abs(float(evaluation.energy - exact.energy)) / len(frame.types),
            float((evaluation.force - exact.force).abs().max()) / scale,
            rounds * len(frame.types) / (time.perf_counter() - start),
        )


def sample_frame(model: AtomicModel) -> Frame:
    """Return a rattled simple cubic crystal of all types, with their proportions and the density that `sel` implies."""
    random = np.random.default_rng(0)
    sel = np.array(model.descriptor.sel, dtype=np.float64)
    if len(sel) != len(model.type_map):  # neighbours of any type
        sel = np.full(len(model.type_map), sel.sum() / len(model.type_map))
    fill = OVERFILL if any(part.drops_farthest for part in model.descriptor.parts) else FILL
    spacing = (4 / 3 * pi * model.rcut**3 / (fill * sel.sum())) ** (1 / 3)
    spacing = float(np.clip(spacing, max(MIN_SPACING, 1.1 * (model.closest or 0.0)), MAX_SPACING))
    sites = spacing * np.array(list(np.ndindex(EDGE_ATOMS, EDGE_ATOMS, EDGE_ATOMS)))
    coord = sites + random.uniform(-0.05, 0.05, sites.shape) * spacing
    types = random.choice(len(sel), len(sites), p=np.maximum(sel, 1) / np.maximum(sel, 1).sum())
    if model.config.is_masked:
        return Frame(coord, None, types, aparam=np.ones((len(sites), 1)))
    config, fitting = model.config.fitting_net, model.fitting
    return Frame(
        coord,
        EDGE_ATOMS * spacing * np.eye(3),
        types,
        fparam=fitting.fparam_mean.cpu().numpy().copy() if config.numb_fparam else None,
        aparam=np.tile(fitting.aparam_mean.cpu().numpy(), (len(sites), 1)) if config.numb_aparam else None,
    )
