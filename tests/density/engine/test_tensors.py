"""Per-atom tensors and grouped pairs against what they stand for."""

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.engine.features import edge_scale
from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.pairs import GroupedPairs, RadialFunctions, pair_geometry
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.engine.tensors import atom_tensors, routes, width
from deepaw.density.engine.tiles import Surroundings
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.reference import ReferenceNetwork
from deepaw.density.model.reference.edges import Edges

MOLECULE = Atoms("HOH", positions=[[0.0, 0, 0], [1.1, 0.3, -0.4], [-0.9, 1.5, 0.2]])
POINTS = np.array([[0.4, 0.5, 0.6], [2.0, -0.3, 0.1], [-1.2, 1.4, 0.9]])


def test_tensor_times_basis_is_the_reference_message() -> None:
    """The sum over atoms of B T is lin2 and lin3 of the summed tensor products, envelope included."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        reference = ReferenceNetwork(GatedConfig(mul=24, lmax=2, num_interactions=2))
        twin = GatedNetwork(reference.config)
    finally:
        torch.set_default_dtype(torch.float32)
    twin.load_state_dict({k: v for k, v in reference.state_dict().items() if "_w3j_" not in k})
    plain = reference.probe_model.interaction_block.convolutions[1]
    interaction, _ = twin.probe_model.layers()[1]
    features = torch.randn(3, interaction.layout.sender.dim, dtype=torch.float64)
    tile = Surroundings(MOLECULE, 4.0).tile(POINTS)
    vector = (tile.points[:, None] - tile.centres[None]).flatten(0, 1)
    edges = Edges(tile.atom.repeat(3), torch.arange(3).repeat_interleave(len(tile.atom)), vector)

    harmonics, length = pair_geometry(tile, 2, features)
    radial = plain.fc(twin.probe_model.basis(edges.length)) * edge_scale(twin.config, edges.length).unsqueeze(-1)
    products = plain.tp(plain.lin1(features, torch.ones(3, 1).double())[edges.source], _e3nn(edges.vector), radial)
    total = torch.zeros(3, products.shape[1], dtype=torch.float64).index_add_(0, edges.target, products)
    one = torch.ones(3, 1, dtype=torch.float64)
    expected = torch.cat([plain.lin2(total, one), plain.lin3(total, one)], dim=1).detach()

    functions = RadialFunctions.frozen(
        lambda r: interaction.fc.hidden(twin.probe_model.basis(r)) * edge_scale(twin.config, r).unsqueeze(-1),
        4.0,
        PRECISIONS["tight"],
        features,
    )
    with torch.no_grad():
        found = routes(interaction, functions.coefficients)
        tensors = atom_tensors([found], [width(interaction)], [interaction.lin1(features)], 2)
        basis = functions.basis(length)
        message = torch.einsum("mnk,mnl,mklc->nc", basis, harmonics, tensors[tile.atom])
    torch.testing.assert_close(message, expected, atol=2e-6 * float(expected.abs().max()), rtol=0)


def _e3nn(vector: torch.Tensor) -> torch.Tensor:
    from e3nn import o3

    harmonics: torch.Tensor = o3.spherical_harmonics([0, 1, 2], vector, normalize=True, normalization="component")
    return harmonics


def test_grouped_pairs_are_the_pairs_within_the_cutoff() -> None:
    cell = Atoms("HO", [[0.1, 0.2, 0.3], [1.5, 1.9, 0.4]], cell=[[3, 0, 0], [0.5, 3.2, 0], [0, 0.1, 4]], pbc=True)
    points = np.random.default_rng(0).uniform(0, 5, (30, 3))
    tile = Surroundings(cell, 3.5).tile(points)
    pairs = GroupedPairs.of(tile, 3.5, 2, torch.zeros(1, dtype=torch.float64))
    harmonics, length = pair_geometry(tile, 2, torch.zeros(1, dtype=torch.float64))
    image, point = (length <= 3.5).nonzero(as_tuple=True)
    expected = sorted(zip(tile.atom[image].tolist(), point.tolist(), length[image, point].tolist(), strict=True))
    atom = pairs.atom[:, None].expand_as(pairs.point)[pairs.within]
    found = sorted(
        zip(atom.tolist(), pairs.point[pairs.within].tolist(), pairs.length[pairs.within].tolist(), strict=True)
    )
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-12)
    assert not pairs.harmonics[~pairs.within].any()
    assert torch.isclose(pairs.harmonics.sum(), harmonics[length <= 3.5].sum())


@pytest.mark.parametrize("precision", [None, "default"])
def test_points_that_no_atom_reaches(precision: str | None) -> None:
    torch.manual_seed(0)
    network = GatedNetwork(GatedConfig(mul=12, lmax=1, num_interactions=2))
    evaluator = GatedEvaluator(network, PRECISIONS[precision] if precision else None)
    tile = Surroundings(MOLECULE, 4.0).tile(np.array([[30.0, 0, 0], [31.0, 0, 0]]))
    values = evaluator.evaluate(evaluator.prepare(MOLECULE), tile)
    assert values.shape == (2, 1) and torch.isfinite(values).all() and values[0] == values[1]
