import pytest
import torch
from ase import Atoms
from ase.build import molecule

from deepaw.density.model import expansion
from deepaw.density.model.expansion import AtomGraph, ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.reference.expansion import reference_coefficients
from deepaw.density.model.splines import SplineConfig
from deepaw.errors import InputError
from density.physics import rattled_crystal

SPLINES = SplineConfig((6, 5, 4), (4.0, 3.5, 3.0), 1.3)


@pytest.fixture(scope="module")
def network() -> ExpansionNetwork:
    torch.manual_seed(1)
    config = ExpansionConfig(
        (1, 8, 72), channels=3, lmax=2, sender_lmax=1, num_interactions=2, cutoff=3.2, num_basis=4, splines=SPLINES
    )
    network = ExpansionNetwork(config).double()
    for weight in (*network.species_readout, network.species_bias):
        torch.nn.init.normal_(weight)
    return network


@pytest.mark.parametrize("atoms", [rattled_crystal(), molecule("H2O")], ids=["crystal", "molecule"])
def test_equals_the_reference_on_e3nn(network: ExpansionNetwork, atoms: Atoms) -> None:
    expected = reference_coefficients(network, atoms)
    assert expected.abs().min(dim=0).values.max() > 1e-3
    torch.testing.assert_close(network(network.graph(atoms)), expected, rtol=1e-10, atol=1e-11)


def test_gradients_equal_the_reference_s(network: ExpansionNetwork) -> None:
    atoms = rattled_crystal()
    weights = list(network.parameters())
    ours = torch.autograd.grad(network(network.graph(atoms)).square().sum(), weights, allow_unused=True)
    theirs = torch.autograd.grad(reference_coefficients(network, atoms).square().sum(), weights, allow_unused=True)
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_a_batch_is_its_structures(network: ExpansionNetwork) -> None:
    graphs = [network.graph(rattled_crystal()), network.graph(molecule("H2O"))]
    together = network(AtomGraph.join(graphs))
    torch.testing.assert_close(together, torch.cat([network(graph) for graph in graphs]), rtol=1e-12, atol=1e-14)


def test_large_structures_are_worked_on_in_parts(network: ExpansionNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network.graph(rattled_crystal())
    whole = network(graph)
    monkeypatch.setattr(expansion, "EDGES", 7)
    monkeypatch.setattr(expansion, "NODES", 2)
    torch.testing.assert_close(network(graph), whole, rtol=1e-11, atol=1e-12)


def test_single_precision_follows_double(network: ExpansionNetwork) -> None:
    single = ExpansionNetwork(network.config)
    single.load_state_dict(network.state_dict())
    exact = network(network.graph(rattled_crystal()))
    values = single(single.graph(rattled_crystal()))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.double(), exact, rtol=0, atol=2e-6 * float(exact.detach().abs().max()))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("channels", 0, "channels is 0"),
        ("cutoff", -1.0, "cutoff is -1.0"),
        ("elements", (8, 1), "ascending"),
        ("lmax", 3, "one count and cutoff for every degree"),
    ],
)
def test_refuses_what_cannot_be(key: str, value: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        ExpansionConfig(**{"elements": (1,), "lmax": 2, "splines": SPLINES, key: value})
