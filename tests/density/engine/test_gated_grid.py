"""Gated networks on whole grids: symmetry saves points and changes nothing."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.spacegroup import crystal

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel

SHAPE = (16, 16, 16)


@pytest.fixture(scope="module")
def fluorite() -> Atoms:
    return crystal(["Hf", "O"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=[5.12] * 3 + [90] * 3)


def _engine(local: bool, spin: bool = False) -> InferenceEngine:
    torch.manual_seed(3)
    config = GatedConfig(mul=24, lmax=2, num_interactions=2, spin=spin, local=LocalConfig(8, 3) if local else None)
    network = GatedNetwork(config)
    if network.local is not None:
        torch.nn.init.normal_(network.local.mlp.weight, std=0.3)
    return InferenceEngine(DensityModel(network), precision="tight")


@pytest.mark.parametrize(("local", "fewer"), [(False, 60), (True, 4)])
def test_symmetry_changes_nothing(fluorite: Atoms, local: bool, fewer: int) -> None:
    """With F_local only the centring translations are left."""
    engine = _engine(local)
    reduced, whole = engine.predict(fluorite, SHAPE), engine.predict(fluorite, SHAPE, symmetry=False)
    assert whole.points_evaluated == 4096 >= fewer * reduced.points_evaluated
    scale = np.abs(whole.density_3d).max()
    assert np.ptp(whole.density_3d) > 1e-3 * scale
    # a published F_local amplifies float32 rounding somewhat
    np.testing.assert_allclose(reduced.density_3d, whole.density_3d, rtol=0, atol=(3e-6 if local else 1e-6) * scale)


def test_spin_density_beside_the_total(fluorite: Atoms) -> None:
    prediction = _engine(local=False, spin=True).predict(fluorite, SHAPE)
    assert prediction.magnetisation_3d is not None and prediction.magnetisation_3d.shape == SHAPE
    assert np.abs(prediction.magnetisation_3d - prediction.density_3d).max() > 0


def test_coarse_and_fine_grids_share_values(fluorite: Atoms) -> None:
    engine = _engine(local=False)
    coarse, fine = engine.predict(fluorite, (8, 8, 8)), engine.predict(fluorite, SHAPE)
    scale = np.abs(fine.density_3d).max()
    np.testing.assert_allclose(coarse.density_3d, fine.density_3d[::2, ::2, ::2], rtol=0, atol=1e-6 * scale)
