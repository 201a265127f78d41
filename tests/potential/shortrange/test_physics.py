"""Physics tests of potentials with a short-range table, and specific tests of the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.shortrange.zbl import zbl_energy, zbl_table
from halves import mostly_slow
from potential.physics import PotentialPhysics
from potential.randommodels import random_model
from potential.shortrange.tables import smooth_table
from potential.structures import Structure, assert_agree, crowd, evaluate

DESCRIPTOR = {
    "type": "se_e2_a",
    "rcut": 3.4,
    "rcut_smth": 1.2,
    "sel": [5, 6],
    "neuron": [4, 8],
    "axis_neuron": 3,
    "type_one_side": True,
}
SHORT = {"use_srtab": "table.txt", "sw_rmin": 0.8, "sw_rmax": 1.8, "smin_alpha": 0.08}
MODELS = {
    "plain": {},
    "no_bias": {"srtab_add_bias": False},
    "hybrid_excluded": {
        "descriptor": {"type": "hybrid", "list": [DESCRIPTOR, DESCRIPTOR | {"exclude_types": [[0, 1]], "rcut": 3.0}]},
        "pair_exclude_types": [[1, 1]],
    },
}


def short_range_model(name: str = "plain", **more: object) -> PotentialModel:
    content = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {"neuron": [8, 8]}, **SHORT}
    config = ModelConfig.model_validate(content | MODELS[name] | more)
    return random_model(config, table=smooth_table(2, config.descriptor.rcut))


class TestShortRange(PotentialPhysics):
    @pytest.fixture(params=mostly_slow(("plain", "no_bias", "hybrid_excluded"), fast=("plain",)))
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        return short_range_model(request.param)

    def test_some_atoms_have_both_energies(self, model: PotentialModel) -> None:
        weights = _weights(model, crowd(2))
        assert ((weights > 0.05) & (weights < 0.95)).sum() >= 3

    def test_a_batch_in_shares(self, model: PotentialModel, monkeypatch: pytest.MonkeyPatch) -> None:
        """Batches are evaluated on several threads, each with a part of the atoms."""
        monkeypatch.setattr("deepaw.potential.training.shares.SMALLEST_SHARE", 2)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
        self.test_a_batch_is_its_frames(model)
        self.test_gradient_of_the_loss_in_the_weights(model)


def _weights(model: PotentialModel, structure: Structure) -> torch.Tensor:
    env = find_environment(structure.coord, structure.cell, structure.types, model.rcut)
    assert model.interpolation is not None
    weights: torch.Tensor = model.interpolation(model.visible_pairs(env))[0]
    return weights


def _pair(distance: float, types: tuple[int, int] = (0, 1)) -> Structure:
    return Structure(np.array(types), np.array([[0.1, 0.2, 0.3], [0.1, 0.2 + distance, 0.3]]), None, np.ones((2, 2)))


@pytest.fixture
def zbl_model() -> PotentialModel:
    config = ModelConfig.model_validate(
        {"type_map": ["O", "H"], "descriptor": DESCRIPTOR | {"rcut": 6.0}, "fitting_net": {"neuron": [8, 8]}}
        | {"use_srtab": "zbl.txt", "sw_rmin": 0.6, "sw_rmax": 1.0}
    )
    return random_model(config, table=zbl_table(config.type_map, 6.0, 0.005))


@pytest.mark.parametrize("precision", ["float64", "float32", "exact"])
@pytest.mark.parametrize("distance", [0.1, 0.3, 0.5])
def test_two_atoms_pushed_together_repel_as_their_nuclei(
    zbl_model: PotentialModel, distance: float, precision: str
) -> None:
    """An O and an H at distances where networks do not contribute, and which their approximations need not cover."""
    engine = PotentialEngine(zbl_model, precision)
    found = evaluate(engine, _pair(distance))
    step = 1e-4
    low, energy, high = zbl_energy(8, 1, np.array([distance - step, distance, distance + step]))
    assert float(found.energy - zbl_model.bias.sum()) == pytest.approx(energy, rel=1e-5)
    repulsion = (low - high) / (2 * step)
    assert found.force[1, 1].item() == pytest.approx(repulsion, rel=1e-4)
    torch.testing.assert_close(found.force[0], -found.force[1])


def test_the_crossover_is_smooth(zbl_model: PotentialModel) -> None:
    """Between table and network, energies and forces have no jump and no kink, and forces are derivatives."""
    engine = PotentialEngine(zbl_model)
    distances = np.linspace(0.5, 1.1, 601)
    found = [evaluate(engine, _pair(distance)) for distance in distances]
    energy = np.array([float(each.energy) for each in found])
    force = np.array([float(each.force[1, 1]) for each in found])
    step = distances[1] - distances[0]
    largest = np.abs(force).max()
    assert np.abs(-np.gradient(energy, step)[1:-1] - force[1:-1]).max() < 2e-3 * largest
    bends = np.abs(np.diff(force, 2))
    assert bends.max() < 20 * np.median(bends) and np.abs(np.diff(force)).max() < 0.01 * largest
    without = PotentialEngine(random_model(zbl_model.config.model_copy(update={"use_srtab": None})))
    assert float(found[-1].energy) == pytest.approx(float(evaluate(without, _pair(1.1)).energy), rel=1e-12)


def test_networks_are_approximated_only_where_they_contribute(zbl_model: PotentialModel) -> None:
    engine = PotentialEngine(zbl_model)
    near = replace(crowd(2, 4, periodic=False), coord=np.array([[0, 0, 0], [0, 0.2, 0], [2.5, 0, 0], [2.6, 1.4, 0]]))
    found, exact = (evaluate(each, near) for each in (engine, PotentialEngine(zbl_model, "exact")))
    assert_agree(found.force, exact.force, 1e-8)
    assert engine._shortest > 0.7  # A


def test_a_pair_nearer_than_the_table_begins_is_refused(zbl_model: PotentialModel) -> None:
    for precision in ("float64", "exact"):
        with pytest.raises(InputError, match=r"0\.004 A apart; the table of model\.use_srtab begins at 0\.005 A"):
            evaluate(PotentialEngine(zbl_model, precision), _pair(0.004))


@pytest.mark.parametrize("options", [{}, {"descriptor": DESCRIPTOR | {"activation_function": "silut:2.0"}}])
def test_excluded_types_have_no_tabulated_energy(options: dict[str, object]) -> None:
    model = short_range_model(atom_exclude_types=[1], **options)
    exact, found = (
        evaluate(PotentialEngine(model, each), crowd(2), atomic_virial=True) for each in ("exact", "float64")
    )
    assert not exact.atom_energy[torch.from_numpy(crowd(2).types == 1)].any()
    for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
        assert_agree(getattr(found, name), getattr(exact, name), 1e-8)


def test_the_table_does_not_act_at_large_distances() -> None:
    model = short_range_model()
    alone = _pair(3.0)
    env = find_environment(alone.coord, None, alone.types, model.rcut)
    assert model.table_mixture(env) is None and not _weights(model, alone).any()
    assert not _weights(model, _pair(30.0)).any()
