"""A model beside densities whose distance from it is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from deepaw.density.data.example import Example
from deepaw.density.engine import InferenceEngine, PreparedStructure
from deepaw.density.engine.multipoles import MultipoleEvaluator
from deepaw.density.evaluation.compare import Comparison, compare, normalised_error
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.splines import SplineConfig
from deepaw.errors import InputError

SHAPE = (8, 9, 10)


def model(valence: dict[str, float]) -> DensityModel:
    """A small expansion with random weights for Mg and O."""
    torch.manual_seed(3)
    splines = SplineConfig((6, 4), (3.0, 3.0), 1.5)
    config = ExpansionConfig((8, 12), channels=4, lmax=1, num_interactions=1, cutoff=3.0, splines=splines)
    spherical = SplineConfig((6,), (3.0,), 1.5)
    return DensityModel(ExpansionNetwork(config), FittedAtoms((8, 12), spherical, torch.rand(2, 6) + 0.5), valence, {})


@pytest.fixture
def mgo() -> Atoms:
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.rattle(0.05, seed=1)
    return atoms


def example(atoms: Atoms, density: np.ndarray, name: str = "salt_1") -> Example:
    return Example(name, "salt", atoms, None, name, lambda: density)


def only(comparisons: list[Comparison]) -> Comparison:
    assert len(comparisons) == 1
    return comparisons[0]


def test_a_density_ten_percent_too_small(mgo):
    network = model({})
    density = 1.1 * InferenceEngine(network).predict(atoms=mgo, grid_shape=SHAPE, raw=True).density_3d
    electrons = float(density.mean(dtype=np.float64)) * mgo.get_volume()
    known = replace(network, valence={"Mg": electrons - 6, "O": 6.0})
    result = only(compare(InferenceEngine(known), [example(mgo, density)]))
    assert result.nmae == pytest.approx(0.1 / 1.1, rel=1e-4)
    assert result.electrons == pytest.approx(electrons, rel=1e-6)
    assert result.electron_error == pytest.approx(-electrons * 0.1 / 1.1, rel=1e-4)
    assert result.nmae_scaled == pytest.approx(0, abs=1e-5)
    assert (result.name, result.kind, result.natoms, result.points) == ("salt_1", "salt", 2, 720)
    assert only(compare(InferenceEngine(network), [example(mgo, density)])).nmae_scaled is None


def test_the_fitted_atoms_stand_beside_the_network(mgo):
    engine = InferenceEngine(model({}))
    alone = MultipoleEvaluator(None, engine.model.fitted, engine.precision, engine.device)
    density = PreparedStructure(mgo, [alone]).grid(SHAPE)
    result = only(compare(engine, [example(mgo, density)]))
    assert result.nmae_fitted == pytest.approx(0, abs=1e-5)
    assert result.nmae > 1e-3


def test_a_model_without_fitted_atoms(mgo):
    torch.manual_seed(0)
    gated = DensityModel(GatedNetwork(GatedConfig(mul=20, lmax=1, num_interactions=1, cutoff=3.0)))
    result = only(compare(InferenceEngine(gated), [example(mgo, np.ones(SHAPE))]))
    assert result.nmae_fitted is None
    assert result.nmae_scaled is None
    assert np.isfinite(result.nmae)


def test_points_for_the_picture_belong_together(mgo):
    engine = InferenceEngine(model({}))
    density = engine.predict(atoms=mgo, grid_shape=SHAPE, raw=True).density_3d
    result = only(compare(engine, [example(mgo, 2 * density)]))
    assert len(result.reference) == density.size
    assert np.allclose(result.reference, 2 * result.predicted, rtol=1e-5)


def test_an_unknown_element_is_found_before_anything_is_computed(mgo):
    calls: list[tuple[int, int]] = []
    silicon = example(bulk("Si"), np.ones(SHAPE), "Si")
    with pytest.raises(InputError, match="has never seen Si"):
        compare(InferenceEngine(model({})), [example(mgo, np.ones(SHAPE)), silicon], lambda *done: calls.append(done))
    assert calls == []


def test_nmae_of_arrays():
    reference = np.array([[[1.0, -1.0, 2.0]]], dtype=np.float32)
    predicted = np.array([[[1.5, -1.5, 2.0]]], dtype=np.float32)
    assert normalised_error(predicted, reference) == pytest.approx(0.25)
