"""The engine against the e3nn reference."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import torch
from ase import Atoms
from torch import Tensor

from deepaw.density.engine import equivariant
from deepaw.density.engine.features import atom_features
from deepaw.density.engine.gated import GatedEvaluator
from deepaw.density.engine.precision import PRECISIONS, find_precision
from deepaw.density.engine.tiles import Surroundings
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.reference import ReferenceNetwork
from deepaw.density.model.reference.edges import all_edges
from deepaw.errors import InputError
from deepaw.structure.neighbours import atom_edges

LOCAL = LocalConfig(hidden=8, width=3, grid=5, order=3)
CONFIGS = {
    "plain": GatedConfig(mul=36, lmax=3, num_interactions=3, envelope=False),
    "envelope, Bessel": GatedConfig(mul=24, lmax=2, num_interactions=2, cutoff=3.5, basis="bessel", num_neighbors=9),
    "spin": GatedConfig(mul=24, lmax=2, num_interactions=2, spin=True),
    "local": GatedConfig(mul=24, lmax=3, num_interactions=3, envelope=False, local=LOCAL),
    "local, envelope, spin": GatedConfig(mul=24, lmax=2, num_interactions=2, spin=True, local=LOCAL),
}


def _structure() -> Atoms:
    cell = [[3.3, 0.1, -0.2], [0.5, 3.4, 0.3], [-0.3, 0.4, 4.4]]
    return Atoms("HfO2", scaled_positions=[[0.02, 0.01, 0.9], [0.3, 0.4, 0.2], [0.7, 0.6, 0.6]], cell=cell, pbc=True)


@pytest.fixture
def double() -> Iterator[None]:
    """e3nn builds its constants in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@cache
def _reference(name: str) -> ReferenceNetwork:
    """Random weights, float64; e3nn takes seconds to build one."""
    torch.manual_seed(2)
    reference = ReferenceNetwork(CONFIGS[name])
    if reference.local is not None:
        torch.nn.init.normal_(reference.local.mlp.weight, std=0.3)
    return reference


@pytest.fixture(params=CONFIGS)
def pair(request: pytest.FixtureRequest, double: None) -> tuple[ReferenceNetwork, GatedNetwork]:
    """A reference and its twin with the same weights, float64."""
    reference = _reference(request.param)
    reference.zero_grad()
    twin = GatedNetwork(reference.config)
    twin.load_state_dict({k: v for k, v in reference.state_dict().items() if "_w3j_" not in k})
    return reference, twin


def _arguments(atoms: Atoms, points: np.ndarray) -> tuple[Tensor, Tensor, Tensor, tuple[bool, bool, bool], Tensor]:
    numbers, positions = torch.from_numpy(atoms.numbers), torch.from_numpy(atoms.positions)
    return numbers, positions, torch.from_numpy(atoms.cell.array), (True, True, True), torch.from_numpy(points)


POINTS = np.random.default_rng(0).uniform(-0.5, 1.5, (25, 3)) @ _structure().cell.array


def test_atom_features(pair: tuple[ReferenceNetwork, GatedNetwork]) -> None:
    reference, twin = pair
    numbers, positions, cell, pbc, _ = _arguments(_structure(), POINTS)
    edges = all_edges(positions, cell, pbc, positions, reference.config.cutoff, itself=False)
    species = torch.nn.functional.one_hot(numbers, 119).double()
    expected = reference.atom_model.layers(None, species, edges)
    found = atom_features(twin.atom_model, numbers, atom_edges(_structure(), twin.cutoff))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_density_within_the_budget(
    pair: tuple[ReferenceNetwork, GatedNetwork], precision: str, dtype: torch.dtype
) -> None:
    reference, twin = pair
    points = np.concatenate([POINTS, _structure().positions])
    expected = reference(*_arguments(_structure(), points))
    evaluator = GatedEvaluator(twin.to(dtype), PRECISIONS[precision])
    tile = Surroundings(_structure(), twin.cutoff).tile(points)
    found = evaluator.evaluate(evaluator.prepare(_structure()), tile)
    assert found.dtype == dtype and not found.requires_grad
    scale = expected.abs().max()
    assert expected.std() > 1e-3 * scale
    assert (found - expected).abs().max() < PRECISIONS[precision].budget * scale


def test_trainable_density_and_its_gradients(pair: tuple[ReferenceNetwork, GatedNetwork]) -> None:
    reference, twin = pair
    weight = torch.linspace(-1, 2, len(POINTS))[:, None]
    expected = reference(*_arguments(_structure(), POINTS))
    evaluator = GatedEvaluator(twin, None)
    tile = Surroundings(_structure(), twin.cutoff).tile(POINTS)
    found = evaluator.evaluate(evaluator.prepare(_structure()), tile)
    torch.testing.assert_close(found, expected, atol=2e-6 * float(expected.detach().abs().max()), rtol=0)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    theirs = dict(reference.named_parameters())
    some = 0
    for name, parameter in twin.named_parameters():
        other = theirs[name].grad
        if parameter.grad is None:  # never reaches the density
            assert other is None or not other.any(), name
            continue
        assert other is not None
        some += bool(other.any())
        torch.testing.assert_close(parameter.grad, other, atol=1e-5 * float(other.abs().max()) + 1e-12, rtol=0)
    assert some > 10


def test_refreshed_weights_are_seen(double: None) -> None:
    twin = GatedNetwork(CONFIGS["envelope, Bessel"])
    evaluator = GatedEvaluator(twin, None)
    tile = Surroundings(_structure(), twin.cutoff).tile(POINTS)
    with torch.no_grad():
        before = evaluator.evaluate(evaluator.prepare(_structure()), tile)
        for parameter in twin.parameters():
            parameter.mul_(1.1)
        evaluator.refresh()
        after = evaluator.evaluate(evaluator.prepare(_structure()), tile)
    fresh = GatedEvaluator(twin, PRECISIONS["tight"])
    expected = fresh.evaluate(fresh.prepare(_structure()), tile)
    assert (after - before).abs().max() > 0.01 * before.abs().max()
    torch.testing.assert_close(after, expected, atol=1e-6 * float(expected.abs().max()), rtol=0)


@pytest.fixture
def local_evaluator() -> GatedEvaluator:
    torch.manual_seed(4)
    network = GatedNetwork(CONFIGS["local"])
    torch.nn.init.normal_(network.local.mlp.weight, std=0.3)
    return GatedEvaluator(network, PRECISIONS["tight"])


def test_shells_give_what_merged_images_give(local_evaluator: GatedEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a supercell every image is another atom and is worked on in the basis of its shell."""
    points = np.random.default_rng(2).uniform(0, 0.5, (300, 3))
    large = _structure().repeat((3, 3, 2))
    part, tile = local_evaluator.prepare(large), Surroundings(large, 4.0).tile(points)
    in_shells = local_evaluator.evaluate(part, tile)
    with monkeypatch.context() as patched:
        patched.setattr(local_evaluator._probes, "_precision", None)  # no shells then
        merged = local_evaluator.evaluate(part, tile)
    assert not torch.equal(in_shells, merged)
    torch.testing.assert_close(in_shells, merged, atol=3e-6 * float(merged.abs().max()), rtol=0)
    cell = local_evaluator.evaluate(local_evaluator.prepare(_structure()), Surroundings(_structure(), 4.0).tile(points))
    torch.testing.assert_close(in_shells, cell, atol=3e-6 * float(merged.abs().max()), rtol=0)


def test_dropped_tensors_are_made_again(local_evaluator: GatedEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = _structure().repeat((3, 3, 2))
    tile = Surroundings(atoms, 4.0).tile(POINTS[:5])
    part = local_evaluator.prepare(atoms)
    expected = local_evaluator.evaluate(part, tile)
    assert len(part.tensors) > 8
    monkeypatch.setattr(equivariant, "KEPT", 1)
    assert torch.equal(local_evaluator.evaluate(part, tile), expected)
    assert len(part.tensors) <= 8
    assert torch.equal(local_evaluator.evaluate(part, tile), expected)


def test_large_and_small_chunks_of_edges_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = GatedNetwork(CONFIGS["plain"])
    numbers, edges = torch.from_numpy(_structure().numbers), atom_edges(_structure(), 4.0)
    whole = atom_features(network.atom_model, numbers, edges)
    monkeypatch.setattr("deepaw.density.engine.features.CHUNK", 5000)
    for a, b in zip(atom_features(network.atom_model, numbers, edges), whole, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_unknown_precision() -> None:
    with pytest.raises(InputError, match=r"'exact'.*tight, default, fast"):
        find_precision("exact")
