"""Validation figures against the whole grid."""

import numpy as np
import pytest
import torch

from deepaw.density.data.example import Example
from deepaw.density.model.model import FittedAtoms
from deepaw.density.model.splines import SplineConfig
from deepaw.density.training.objective import FittedObjective
from deepaw.density.training.probes import ProbeSource
from deepaw.density.training.validation import validate
from density.synthetic import SPHERICAL, SPLINES, crystal, grid_density

OBJECTIVE = FittedObjective(
    FittedAtoms(
        (3, 9),
        SplineConfig(SPLINES.counts[:1], SPLINES.cutoffs[:1], SPLINES.power),
        1.1 * torch.tensor([SPHERICAL[3], SPHERICAL[9]]),
    ),
    torch.device("cpu"),
)
"""Ten percent too much of everything."""


def _validate(probes: int, seed: int = 0, electrons: float | None = None):
    examples, sources = [], {}
    for number in range(3):
        atoms = crystal(number)
        density = grid_density(atoms, multipoles=0.0)
        name = str(number)
        examples.append(Example(name, "kind", atoms, electrons, name, lambda density=density: density))
        sources[name] = ProbeSource(atoms, examples[-1].density, 3.0)
    return validate(OBJECTIVE, examples, sources, probes, seed)


def test_ten_percent_too_much_everywhere():
    found = _validate(30_000)
    assert found.nmae == pytest.approx(0.1, rel=0.03)  # a mean over points, with repetition
    assert found.electrons == pytest.approx(0.1, rel=0.03)


def test_the_same_points_every_time():
    a, b, c = _validate(50), _validate(50), _validate(50, seed=1)
    np.testing.assert_array_equal(a.nmae, b.nmae)
    assert (a.nmae != c.nmae).all()


def test_nothing_to_validate():
    found = validate(OBJECTIVE, [], {}, 10, 0)
    assert len(found.nmae) == len(found.electrons) == 0
