"""A model's occupancies beside those of a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.density.data.sources import read_examples
from deepaw.density.engine import InferenceEngine
from deepaw.density.evaluation.occupancies import OccupancyComparison, compare_occupancies
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, load_density_model
from deepaw.density.occupancies.errors import relative_error
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.npz import read_setup
from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.errors import InputError
from density.synthetic import OCCUPANCY_CHANNELS, SPLINES, true_matrices, write_crystals, write_occupancies


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_occupancies(tmp_path / "data", write_crystals(tmp_path / "data", 3))
    return tmp_path / "data"


@pytest.fixture
def model(folder: Path) -> DensityModel:
    """Its occupancies are zero, those of lithium alone."""
    torch.manual_seed(0)
    network = ExpansionNetwork(ExpansionConfig((3, 9), channels=4, lmax=2, cutoff=3.5, splines=SPLINES))
    readout = OccupancyReadout({"Li": OCCUPANCY_CHANNELS["Li"]}, network.feature_count, 2)
    setups = {"Li": read_setup(folder / "setups" / "setup-Li.npz", "Li")}
    return DensityModel(network, occupancies=Occupancies(readout, setups, {"Li": 0.5}))


def test_errors_beside_the_free_atom_and_the_mean(folder: Path, model: DensityModel) -> None:
    examples = read_examples(folder)
    comparison = compare_occupancies(InferenceEngine(model), examples)
    (error,) = comparison.elements
    # each structure by itself: the model's are zero, and fluorine is not among them
    assert comparison.structures == {example.name: {"Li": pytest.approx(1)} for example in examples}
    assert (error.symbol, error.atoms) == ("Li", 5)
    assert error.error == pytest.approx(1) and error.mean == pytest.approx(1)
    free = np.zeros((5, 5))
    free[0, 0] = 2
    lithium = [
        matrix
        for example in examples
        for symbol, matrix in zip(example.atoms.symbols, true_matrices(example.atoms), strict=True)
        if symbol == "Li"
    ]
    assert error.free_atom == pytest.approx(np.mean([relative_error(free, matrix) for matrix in lithium]), rel=1e-4)
    assert compare_occupancies(InferenceEngine(replace(model, occupancies=None)), examples) == OccupancyComparison()


def test_a_file_keeps_them(tmp_path: Path, folder: Path, model: DensityModel) -> None:
    model.save(tmp_path / "m.safetensors")
    again = load_density_model(tmp_path / "m.safetensors")
    atoms = read_examples(folder)[0].atoms
    matrices = [InferenceEngine(one).occupancies(atoms) for one in (model, again)]
    for first, second in zip(*matrices, strict=True):
        assert (first is None) == (second is None)
        assert first is None or np.array_equal(first, second)
    assert again.occupancies is not None and model.occupancies is not None
    setups = again.occupancies.setups["Li"], model.occupancies.setups["Li"]
    assert np.array_equal(setups[0].Delta_pL, setups[1].Delta_pL) and setups[0].matches(setups[1])
    assert again.occupancies.errors == {"Li": 0.5}


def test_refuses_data_of_another_setup(folder: Path, model: DensityModel) -> None:
    assert model.occupancies is not None
    other = replace(model.occupancies.setups["Li"], fingerprint="another")
    changed = replace(model, occupancies=replace(model.occupancies, setups={"Li": other}))
    with pytest.raises(InputError, match=r"the model and .*npz have occupancies of different setups of Li"):
        compare_occupancies(InferenceEngine(changed), read_examples(folder))
