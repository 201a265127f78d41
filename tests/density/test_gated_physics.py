import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.engine.tiles import Surroundings, point_blocks
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.gated import GatedNetwork
from density.physics import Density, DensityPhysics

CUTOFF = 4.0


@pytest.fixture
def cutoff() -> float:
    return CUTOFF


@pytest.fixture(scope="module", params=[False, True], ids=["total", "spin"])
def density(request: pytest.FixtureRequest) -> Density:
    torch.manual_seed(5)
    network = GatedNetwork(GatedConfig(mul=36, lmax=3, num_interactions=2, spin=request.param, cutoff=CUTOFF))
    evaluator = GatedEvaluator(network.double(), PRECISIONS["tight"])

    def evaluate(atoms: Atoms, points: np.ndarray) -> np.ndarray:
        part, around = evaluator.prepare(atoms), Surroundings(atoms, CUTOFF)
        values = np.zeros((len(points), evaluator.outputs))
        for block in point_blocks(points):
            values[block] = evaluator.evaluate(part, around.tile(points[block])).numpy()
        return values

    return evaluate


class TestGatedNetwork(DensityPhysics):
    pass
