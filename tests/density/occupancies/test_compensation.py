"""Compensation charges against their definition, and a model of a smooth density against the reference."""

import numpy as np
import pytest
import torch
from ase import Atoms
from scipy.integrate import quad

from deepaw.density.engine import InferenceEngine
from deepaw.density.engine.tiles import grid_points
from deepaw.density.evaluation.deviation import reference_density
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms, load_density_model
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.compensation import AtomicCharges, CompensationCharges
from deepaw.density.occupancies.coupling import coupling_of, to_z_polar
from deepaw.density.occupancies.setup import PawSetup
from density.occupancies.charged import CHANNELS, charged_occupancies

SPLINES = SplineConfig((8, 6, 6), (3.0,) * 3, 1.3)


def model(elements: tuple[int, ...] = (3, 9), dtype: torch.dtype = torch.float64) -> DensityModel:
    torch.manual_seed(2)
    config = ExpansionConfig(elements, channels=4, lmax=2, cutoff=3.5, num_basis=6, splines=SPLINES)
    network = ExpansionNetwork(config).to(dtype)
    spherical = SplineConfig(SPLINES.counts[:1], SPLINES.cutoffs[:1], SPLINES.power)
    fitted = FittedAtoms(elements, spherical, torch.rand(len(elements), 8, dtype=dtype))
    occupancies = charged_occupancies(network, ("Li", "F"))
    return DensityModel(network, fitted, occupancies=occupancies, compensation=occupancies)


def structure() -> Atoms:
    atoms = Atoms("LiF", scaled_positions=[[0, 0.02, 0], [0.5, 0.47, 0.52]], cell=[2.9, 3.0, 3.1], pbc=True)
    atoms.set_cell(atoms.cell.array + 0.1, scale_atoms=True)
    return atoms


def test_moments_are_those_of_the_packed_matrices() -> None:
    made = model()
    occupancies, network = made.occupancies, made.network
    assert occupancies is not None and isinstance(network, ExpansionNetwork)
    atoms = structure()
    numbers = atoms.get_atomic_numbers()
    features = network.features(network.graph(atoms))
    charges = CompensationCharges(occupancies.readout, occupancies.setups)
    found = charges.of_components(occupancies.readout(features, numbers), numbers).moments.detach().numpy()
    matrices = occupancies.readout.matrices(features, numbers)
    for atom, (symbol, matrix) in enumerate(zip(atoms.symbols, matrices, strict=True)):
        assert matrix is not None
        rows, columns = np.triu_indices(len(matrix))
        setup = occupancies.setups[symbol]
        moments = (matrix[rows, columns] * np.where(rows == columns, 1, 2)) @ setup.Delta_pL
        moments[0] += setup.delta0 + 6.0 / np.sqrt(4 * np.pi)
        for degree in range(3):
            part = slice(degree**2, (degree + 1) ** 2)
            expected = to_z_polar(degree).T @ moments[part] * 0.529177210903**degree
            np.testing.assert_allclose(found[atom, part], expected, rtol=1e-6)


def test_shapes_have_moments_of_one() -> None:
    moments = torch.eye(9, dtype=torch.float64)[[0, 2, 6]]
    charges = AtomicCharges(moments, torch.tensor([0.2, 0.3, 0.25], dtype=torch.float64))
    for atom, degree in enumerate(range(3)):

        def shape(r: float, atom: int = atom, degree: int = degree) -> float:
            values = charges.profiles(torch.tensor([[r]], dtype=torch.float64))
            return float(values[atom, 0].sum()) * np.sqrt(4 * np.pi) * r ** (degree + 2)

        assert quad(shape, 0, 4)[0] == pytest.approx(1, rel=1e-8)


def test_the_engine_gives_what_the_reference_gives() -> None:
    made, atoms = model(dtype=torch.float32), structure()
    points = grid_points(atoms.cell.array, (9, 10, 11), np.arange(990)) + 0.05
    expected = reference_density(made, atoms, points)[:, 0]
    plain = reference_density(DensityModel(made.network, made.fitted), atoms, points)[:, 0]
    assert np.abs(expected - plain).max() > 0.3 * np.abs(plain).max()
    found = InferenceEngine(made, precision="tight").predict_at(atoms, points)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


def test_electrons_of_the_charges() -> None:
    """A density integrates to what the expansion and the moments of L = 0 integrate to."""
    made, atoms = model(), structure()
    shape = (48, 48, 48)
    both = InferenceEngine(made, precision="tight").predict(atoms, shape, raw=True).density_3d
    alone = InferenceEngine(DensityModel(made.network, made.fitted), precision="tight")
    smooth = alone.predict(atoms, shape, raw=True).density_3d
    occupancies, network = made.occupancies, made.network
    assert occupancies is not None and isinstance(network, ExpansionNetwork)
    numbers = atoms.get_atomic_numbers()
    components = occupancies.readout(network.features(network.graph(atoms)), numbers)
    charges = CompensationCharges(occupancies.readout, occupancies.setups).of_components(components, numbers)
    found = (both - smooth).mean(dtype=np.float64) * atoms.get_volume()
    assert found == pytest.approx(float(charges.moments[:, 0].sum().detach()) * np.sqrt(4 * np.pi), rel=1e-4)


def test_elements_without_a_radius_have_none() -> None:
    made = model()
    assert made.occupancies is not None
    readout, setups = made.occupancies.readout, dict(made.occupancies.setups)
    setups["F"] = PawSetup(setups["F"].channels, delta=setups["F"].delta)
    charges = CompensationCharges(readout, setups)
    assert charges.elements == ("Li",)
    numbers = np.array([9, 3, 9])
    found = charges.of_means(numbers)
    assert found.moments[[0, 2]].abs().max() == 0 and found.moments[1, 0] != 0
    counts = coupling_of(tuple(degree for _, degree in CHANNELS)).counts
    assert found.moments[1, 1:].abs().max() == 0 and counts[0] == len(readout.elements[0].rows) + 4


def test_a_file_keeps_that_the_density_is_smooth(tmp_path) -> None:
    made, atoms = model(dtype=torch.float32), structure()
    made.save(tmp_path / "model.safetensors")
    again = load_density_model(tmp_path / "model.safetensors")
    assert again.compensation is again.occupancies is not None
    first, second = (InferenceEngine(one).predict(atoms, (8, 8, 8)).density_3d for one in (made, again))
    np.testing.assert_array_equal(first, second)
