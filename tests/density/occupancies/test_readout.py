"""The readout on the features of a network: equivariant, and the mean until it has learnt."""

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.occupancies.channels import Channels, channels_of_text
from deepaw.density.occupancies.coupling import coupling_of
from deepaw.density.occupancies.readout import OccupancyReadout
from density.engine.test_engine import expansion
from density.occupancies.rotations import projectors_matrix, random_rotation
from density.physics import rattled_crystal

CHANNELS = {"Hf": channels_of_text("Hf", "s s p p d d"), "O": channels_of_text("O", "s p d")}


@pytest.fixture
def network() -> ExpansionNetwork:
    return expansion().double().requires_grad_(False)


@pytest.fixture
def readout(network: ExpansionNetwork) -> OccupancyReadout:
    torch.manual_seed(5)
    made = OccupancyReadout(CHANNELS, network.feature_count, network.config.lmax).double()
    for weight in [*made.weights, made.bias]:
        torch.nn.init.normal_(weight)
    made.mean.normal_()
    return made.requires_grad_(False)


def matrices(network: ExpansionNetwork, readout: OccupancyReadout, atoms: Atoms) -> list[np.ndarray]:
    found = readout.matrices(network.features(network.graph(atoms)), atoms.get_atomic_numbers())
    return [matrix for matrix in found if matrix is not None]


def test_matrices_turn_with_the_structure(network: ExpansionNetwork, readout: OccupancyReadout) -> None:
    atoms, rotation = rattled_crystal(), random_rotation(3)
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ rotation.T)
    turned.set_positions(atoms.positions @ rotation.T)
    before, after = (matrices(network, readout, structure) for structure in (atoms, turned))
    for symbol, matrix, image in zip(atoms.symbols, before, after, strict=True):
        turn = projectors_matrix(CHANNELS[symbol], rotation)
        assert np.abs(matrix - image).max() > 0.01
        assert np.allclose(turn @ matrix @ turn.T, image, atol=1e-10)


def test_of_each_atom_by_its_element(network: ExpansionNetwork, readout: OccupancyReadout) -> None:
    atoms = rattled_crystal()
    swapped = atoms[[1, 0, 2]]
    before, after = matrices(network, readout, atoms), matrices(network, readout, swapped)
    assert np.allclose(before[0], after[1]) and np.allclose(before[1], after[0])
    assert [len(matrix) for matrix in before] == [18, 9, 9]
    atoms.symbols[2] = "Mg"
    found = readout.matrices(network.features(network.graph(atoms)), atoms.get_atomic_numbers())
    assert found[2] is None and found[1] is not None


def test_starts_from_the_mean(network: ExpansionNetwork) -> None:
    readout = OccupancyReadout(CHANNELS, network.feature_count, network.config.lmax).double()
    mean = torch.arange(9.0) / 10
    readout.mean[readout.elements[1].rows[0]] = mean.double()  # Hf, after O
    assert [element.symbol for element in readout.elements] == ["O", "Hf"]
    first = matrices(network, readout, rattled_crystal())[0]
    assert np.allclose(first, readout.mean_matrix("Hf"))
    coupling = coupling_of(CHANNELS["Hf"].degrees)
    assert np.allclose(coupling.couple(first)[:9], mean)


def test_degrees_beyond_the_features_are_zero(network: ExpansionNetwork, readout: OccupancyReadout) -> None:
    hafnium = coupling_of(CHANNELS["Hf"].degrees)
    blocks = hafnium.split(hafnium.couple(matrices(network, readout, rattled_crystal())[0])[None])
    assert network.config.lmax == 2
    assert all(np.abs(block).max() > 1e-4 for block in blocks[:3])
    assert all(np.abs(block).max() < 1e-12 for block in blocks[3:])


def test_few_channels_reach_few_degrees() -> None:
    readout = OccupancyReadout({"H": Channels("H", ((1, 0), (-1, 0)))}, 4, 2)
    features = [torch.randn(2, 4, 2 * degree + 1) for degree in range(3)]
    found = readout.matrices(features, np.array([1, 8]))
    assert found[0] is not None and found[0].shape == (2, 2) and found[1] is None
