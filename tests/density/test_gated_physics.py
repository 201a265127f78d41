from functools import cache

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.engine.tiles import Surroundings, point_blocks
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from density.physics import Density, DensityPhysics

CUTOFF = 4.0


@pytest.fixture
def cutoff() -> float:
    return CUTOFF


def evaluated_by(network: GatedNetwork) -> Density:
    """The network's density through the engine, float64."""
    evaluator = GatedEvaluator(network.double(), PRECISIONS["tight"])

    def evaluate(atoms: Atoms, points: np.ndarray) -> np.ndarray:
        part, around = evaluator.prepare(atoms), Surroundings(atoms, CUTOFF)
        values = np.zeros((len(points), evaluator.outputs))
        for block in point_blocks(points, evaluator.tile_size):
            values[block] = evaluator.evaluate(part, around.tile(points[block])).numpy()
        return values

    return evaluate


@cache
def total_or_spin(spin: bool) -> Density:
    torch.manual_seed(5)
    return evaluated_by(GatedNetwork(GatedConfig(mul=36, lmax=3, num_interactions=2, spin=spin)))


@cache
def with_local_part() -> Density:
    torch.manual_seed(5)
    network = GatedNetwork(GatedConfig(mul=36, lmax=3, num_interactions=2, local=LocalConfig(hidden=8, width=3)))
    torch.nn.init.normal_(network.local.mlp.weight, std=0.3)
    assert not network.invariant
    return evaluated_by(network)


class TestGatedNetwork(DensityPhysics):
    @pytest.fixture(params=[False, True], ids=["total", "spin"])
    def density(self, request: pytest.FixtureRequest) -> Density:
        return total_or_spin(request.param)


@pytest.mark.slow
class TestGatedNetworkWithLocalPart(DensityPhysics):
    """F_local reads components of every degree: rotations and inversion change the density, nothing else does."""

    @pytest.fixture
    def density(self) -> Density:
        return with_local_part()

    @pytest.mark.parametrize("seed", [1])
    def test_rotation(self, density: Density, seed: int) -> None:
        with pytest.raises(AssertionError, match="Mismatched elements"):
            super().test_rotation(density, seed)

    def test_inversion(self, density: Density) -> None:
        with pytest.raises(AssertionError, match="Mismatched elements"):
            super().test_inversion(density)

    def test_equivalent_points_of_a_crystal(self, density: Density) -> None:
        with pytest.raises(AssertionError, match="Mismatched elements"):
            super().test_equivalent_points_of_a_crystal(density)
