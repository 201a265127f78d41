import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.model import Occupancies
from density.occupancies.charged import charged_occupancies
from density.physics import Density, DensityPhysics

CUTOFF = 4.0
SPLINES = SplineConfig((8, 6, 6, 5), (CUTOFF,) * 4, 1.3)


@pytest.fixture
def cutoff() -> float:
    return CUTOFF


@pytest.fixture(scope="module", params=["network", "network on fitted atoms", "smooth density"])
def density(request: pytest.FixtureRequest) -> Density:
    torch.manual_seed(2)
    config = ExpansionConfig((8, 72), channels=6, lmax=3, cutoff=CUTOFF, num_basis=6, splines=SPLINES)
    network = ExpansionNetwork(config).double()
    fitted: FittedAtoms | None = None
    occupancies: Occupancies | None = None
    if request.param != "network":
        fitted = FittedAtoms((8, 72), SplineConfig((8,), (CUTOFF,), 1.3), torch.rand(2, 8, dtype=torch.float64))
    if request.param == "smooth density":
        occupancies = charged_occupancies(network, ("O", "Hf"))
    engine = InferenceEngine(
        DensityModel(network, fitted, occupancies=occupancies, compensation=occupancies), precision="tight"
    )

    def evaluate(atoms: Atoms, points: np.ndarray) -> np.ndarray:
        return engine.predict_at(atoms, points)[:, None]

    return evaluate


class TestExpansion(DensityPhysics):
    pass
