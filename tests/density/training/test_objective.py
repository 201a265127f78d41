"""What is trained is what the engine predicts."""

import numpy as np
import pytest
import torch
from ase import Atoms

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.multipoles import density_of_pairs
from deepaw.density.model.splines import SplineConfig
from deepaw.density.training.config import ExpansionInput, GatedInput
from deepaw.density.training.objective import (
    ExpansionObjective,
    FittedObjective,
    GatedObjective,
    Objective,
    nmae,
)
from deepaw.density.training.probes import Probes, ProbeSource
from deepaw.structure.neighbours import images_within
from density.synthetic import EXPANSION, GATED, SPLINES, crystal

CPU = torch.device("cpu")
ELEMENTS = (3, 9)


def _fitted() -> FittedAtoms:
    torch.manual_seed(5)
    return FittedAtoms(ELEMENTS, SplineConfig(SPLINES.counts[:1], SPLINES.cutoffs[:1], SPLINES.power), torch.rand(2, 6))


def _model(name: str) -> DensityModel:
    """A model with random weights of the kind `name`, whose network adds about as much as the fitted atoms do."""
    fitted = _fitted()
    if name == "expansion":
        network = ExpansionNetwork(ExpansionInput(**EXPANSION).config(ELEMENTS))
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(0.2 * torch.randn_like(weight))
            for weight in [*network.readout.parameters(), *network.species_readout]:
                weight.mul_(30)
        return DensityModel(network, fitted)
    local = {"hidden": 6, "width": 3} if name == "gated with F_local" else None
    gated = GatedNetwork(GatedInput(**GATED, local=local).config())
    with torch.no_grad():
        if gated.local is not None:
            for weight in gated.local.parameters():
                weight.add_(0.2 * torch.randn_like(weight))
        gated.probe_model.readout.weight.mul_(3e4)
    return DensityModel(gated, fitted)


def _objective(model: DensityModel) -> Objective:
    assert model.fitted is not None
    if isinstance(model.network, ExpansionNetwork):
        return ExpansionObjective(model.network, model.fitted, CPU)
    return GatedObjective(model.network, model.fitted, CPU)


def _molecule() -> Atoms:
    """Part of it lies outside of its large box, which is not periodic."""
    return Atoms("LiF2", positions=[[-0.3, 3, 4], [1.2, 3.1, 4.2], [0.4, 4.4, 3]], cell=[12.0, 9, 10], pbc=False)


def _slab() -> Atoms:
    positions = [[0.1, 0.2, 5.0], [1.5, 1.4, 6.6]]
    return Atoms("LiF", positions=positions, cell=[[2.9, 0, 0], [0.4, 3.1, 0], [0, 0, 13]], pbc=[True, True, False])


STRUCTURES = {
    "crystal": crystal(2),
    "one atom in a tiny cell": Atoms("F", cell=[[1.9, 0, 0], [0.7, 2.0, 0], [0.5, -0.6, 2.1]], pbc=True),
    "molecule in a large box": _molecule(),
    "slab": _slab(),
}


def _drawn(atoms: Atoms, count: int = 150, seed: int = 0) -> Probes:
    return ProbeSource(atoms, lambda: np.ones((15, 16, 17), np.float32), SPLINES.cutoff).draw(
        count, np.random.default_rng(seed)
    )


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", ["expansion", "gated", "gated with F_local"])
def test_densities_are_those_of_the_engine(name, structure):
    model, atoms = _model(name), STRUCTURES[structure]
    probes = _drawn(atoms)
    objective = _objective(model)
    objective.begin_step()
    with torch.no_grad():
        (found,) = objective.densities([(atoms, probes)])
    expected = InferenceEngine(model, precision="tight").predict_at(atoms, probes.points)
    (spherical,) = FittedObjective(_fitted(), CPU).densities([(atoms, probes)])
    assert (found - spherical).abs().max() > 0.05
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("name", ["expansion", "gated"])
def test_a_batch_is_its_structures_one_by_one(name):
    objective = _objective(_model(name))
    batch = [(crystal(number), _drawn(crystal(number), 40, number)) for number in range(3)]
    objective.begin_step()
    with torch.no_grad():
        together = objective.densities(batch)
        alone = [objective.densities([one])[0] for one in batch]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_structures_that_are_gone_are_not_mistaken_for_others():
    objective = _objective(_model("expansion"))
    with torch.no_grad():
        for number in range(30):
            probes = _drawn(crystal(number), 5, number)
            (found,) = objective.densities([(crystal(number), probes)])
            (expected,) = _objective(_model("expansion")).densities([(crystal(number), probes)])
            torch.testing.assert_close(found, expected)


def test_fitted_atoms_and_gradients_pair_by_pair():
    model, atoms = _model("expansion"), _slab()
    network, fitted = model.network, model.fitted
    assert isinstance(network, ExpansionNetwork) and fitted is not None
    probes = _drawn(atoms)
    target = torch.rand(len(probes.points))
    weights = [weight for weight in network.parameters() if weight.requires_grad]

    index, images = images_within(atoms, np.zeros(3), np.ones(3), SPLINES.cutoff)
    vectors = torch.from_numpy((probes.points[:, None] - images).reshape(-1, 3))
    atom = torch.from_numpy(index).repeat(len(probes.points))
    own = network(network.graph(atoms)).double()
    spherical = torch.nn.functional.pad(fitted.coefficients[[0, 1]].double(), (0, own.shape[1] - 6))

    def plain(coefficients):
        return density_of_pairs(SPLINES, coefficients, atom, vectors).view(len(probes.points), -1).sum(dim=1)

    expected = plain(own + spherical)
    expected_gradients = torch.autograd.grad(nmae(expected, target, 0.5), weights)
    (found,) = ExpansionObjective(network, fitted, CPU).densities([(atoms, probes)])
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    found_gradients = torch.autograd.grad(nmae(found, target, 0.5), weights)
    for a, b in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5 * float(b.abs().max()) + 1e-8, rtol=1e-3)
    (baseline,) = FittedObjective(fitted, CPU).densities([(atoms, probes)])
    torch.testing.assert_close(baseline.double(), plain(spherical), atol=1e-5, rtol=1e-5)


def test_weights_are_read_again_at_every_step():
    model = _model("gated")
    objective = _objective(model)
    batch = [(crystal(0), _drawn(crystal(0), 20))]
    with torch.no_grad():
        objective.begin_step()
        before = objective.densities(batch)[0]
        for weight in model.network.parameters():
            weight.mul_(1.1)
        objective.begin_step()
        after = objective.densities(batch)[0]
    expected = InferenceEngine(model, precision="tight").predict_at(batch[0][0], batch[0][1].points)
    assert (before - after).abs().max() > 1e-3
    np.testing.assert_allclose(after.numpy(), expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["expansion", "gated"])
def test_half_precision_leaves_the_fitted_atoms_alone(name):
    model, atoms = _model(name), crystal(0)
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.mul_(0.0)
    probes = _drawn(atoms)
    objective = _objective(model)
    objective.begin_step()
    assert model.fitted is not None
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        (found,) = objective.densities([(atoms, probes)])
    (expected,) = FittedObjective(model.fitted, CPU).densities([(atoms, probes)])
    torch.testing.assert_close(found.float(), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["expansion", "gated"])
def test_half_precision_is_near_and_has_gradients(name):
    model, atoms = _model(name), crystal(0)
    probes = _drawn(atoms)
    objective = _objective(model)
    objective.begin_step()
    (exact,) = objective.densities([(atoms, probes)])
    assert model.fitted is not None
    (spherical,) = FittedObjective(model.fitted, CPU).densities([(atoms, probes)])
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = objective.densities([(atoms, probes)])
    assert (found - exact).abs().mean() < 0.03 * (exact - spherical).abs().mean()
    found.float().abs().mean().backward()
    assert any(weight.grad is not None and weight.grad.abs().max() > 0 for weight in model.network.parameters())


def test_no_probe_within_reach():
    atoms = Atoms("LiF", positions=[[10, 10, 10], [10, 10, 11.8]], cell=[20, 20, 20], pbc=False)
    probes = ProbeSource(atoms, lambda: np.ones((2, 2, 2), np.float32), 3.0).draw(3, np.random.default_rng(1))
    far = probes.vectors.norm(dim=-1).numel() == 0
    assert far
    for name in ("expansion", "gated"):
        objective = _objective(_model(name))
        objective.begin_step()
        (found,) = objective.densities([(atoms, probes)])
        expected = InferenceEngine(_model(name)).predict_at(atoms, probes.points)
        np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)


def test_nmae():
    density, reference = torch.tensor([1.0, 2.0, 3.0, 0.0]), torch.tensor([1.0, 1.5, 3.5, -1.0])
    assert nmae(density, reference, 2.0) == pytest.approx(0.25)
