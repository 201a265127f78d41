"""Clusters filled up by virtual atoms: the mask, energies of virtual atoms, the physics suite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.descriptor.se_a_mask import SeAMask
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.deviation import measure_deviations
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential.physics import PotentialPhysics
from potential.randommodels import random_model
from potential.structures import Structure, assert_agree, crowd, evaluate

MASK: dict[str, Any] = {"type": "se_a_mask", "sel": [4, 5], "neuron": [4, 8], "axis_neuron": 3}
FITTING: dict[str, Any] = {"neuron": [8, 8], "numb_aparam": 1, "use_aparam_as_mask": True}


def config_of(**keys: Any) -> ModelConfig:
    return ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": MASK | keys, "fitting_net": FITTING})


def filled_up(structure: Structure, count: int = 2) -> Structure:
    """Append virtual atoms, all at the position of an atom."""
    return replace(
        structure,
        types=np.append(structure.types, np.arange(count) % 2),
        coord=np.concatenate([structure.coord, np.tile(structure.coord[:1], (count, 1))]),
        cell=None,
        aparam=np.append(np.ones(len(structure.types)), np.zeros(count))[:, None],
    )


class TestPhysics(PotentialPhysics):
    """Physics of molecules, since there are no periodic systems."""

    test_atoms_moved_by_lattice_vectors = None
    test_another_cell_of_the_same_lattice = None
    test_a_supercell_is_its_cells = None
    test_a_molecule_is_the_crystal_in_a_large_box = None
    test_smooth_where_a_neighbour_comes_within_the_cutoffs = None
    test_energy_follows_the_virial_while_neighbours_leave = None

    @pytest.fixture(params=["one_side", "pairs"])
    def model(self, request: pytest.FixtureRequest) -> PotentialModel:
        pairs = {"resnet_dt": True, "activation_function": "gelu", "exclude_types": [[0, 0]]}
        return self.with_scale(config_of(**(pairs if request.param == "pairs" else {"type_one_side": True})))

    @staticmethod
    def with_scale(config: ModelConfig) -> PotentialModel:
        model = random_model(config)
        part = model.descriptor
        assert isinstance(part, SeAMask)
        part.set_statistics(torch.zeros_like(part.davg), torch.ones_like(part.dstd))
        return model

    @pytest.fixture
    def structure(self, model: PotentialModel) -> Structure:
        return filled_up(crowd(2))

    def test_atoms_that_go_away_leave_their_energies_as_single_atoms(self, model: PotentialModel) -> None:
        """Two clusters far apart are two clusters, up to the number that sums are divided by."""
        first = filled_up(crowd(2, 5), 0)
        far = replace(first, coord=np.concatenate([first.coord, first.coord + np.array([900.0, 0, 0])]))
        far = replace(far, types=np.tile(first.types, 2), aparam=np.tile(first.aparam, (2, 1)))
        engine = PotentialEngine(model)
        alone, both = evaluate(engine, first), evaluate(engine, far)
        assert_agree(both.atom_energy[:5], alone.atom_energy, 1e-4)

    def frames(self, model: PotentialModel) -> list[Structure]:
        return [filled_up(crowd(2, natoms, seed), extra) for natoms, seed, extra in ((7, 0, 2), (4, 1, 5), (3, 3, 0))]


@pytest.fixture
def model() -> PotentialModel:
    return TestPhysics.with_scale(config_of())


@pytest.mark.parametrize("precision", ["float64", "exact"])
def test_virtual_atoms(model: PotentialModel, precision: str) -> None:
    """Virtual atoms have the energy of a single atom and no force, wherever they are."""
    engine, structure = PotentialEngine(model, precision), crowd(2)
    alone, filled = evaluate(engine, filled_up(structure, 0)), evaluate(engine, filled_up(structure, 3))
    assert_agree(filled.atom_energy[:7], alone.atom_energy, 1e-14)
    assert_agree(filled.force[:7], alone.force, 1e-13)
    assert (filled.force[7:] == 0).all()
    zero = torch.zeros(1, model.descriptor.width, dtype=torch.float64)
    energies = [model.fitting.evaluate_type(kind, zero, None) + model.bias[kind] for kind in (0, 1, 0)]
    assert_agree(filled.atom_energy[7:], torch.cat(energies).detach(), 1e-12)
    elsewhere = filled_up(structure, 3)
    elsewhere.coord[7:] += 1.0
    assert torch.equal(evaluate(engine, elsewhere).energy, filled.energy)


def test_a_cell_is_passed_over_with_a_warning(model: PotentialModel) -> None:
    potential, structure = DeepPot(model), filled_up(crowd(2))
    keywords = {"atom_types": structure.types, "aparam": structure.aparam}
    energy = potential.eval(structure.coord, None, **keywords)[0]
    with pytest.warns(UserWarning, match="the cell is passed over; se_a_mask has none"):
        assert potential.eval(structure.coord, 4 * np.eye(3), **keywords)[0] == energy
    assert potential.eval(structure.coord, 4 * np.eye(3), **keywords)[0] == energy


def test_descriptors_depend_on_the_mask(model: PotentialModel) -> None:
    potential, structure = DeepPot(model), filled_up(crowd(2))
    rows = potential.eval_descriptor(structure.coord, None, structure.types, aparam=structure.aparam)[0]
    assert (rows[7:] == 0).all() and (np.abs(rows[:7]).max(axis=1) > 0).all()
    with pytest.raises(InputError, match=r"aparam is missing; the model needs 1 for each atom\."):
        potential.eval_descriptor(structure.coord, None, structure.types)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([1, 0.5, 1], r"aparam is 0\.5 for atom 2; it should be 1 for atoms and 0 for virtual ones\."),
        ([0, 0, 0], r"aparam is 0 for all atoms; one at least should be there\."),
    ],
)
def test_masks_that_are_wrong(model: PotentialModel, mask: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DeepPot(model).eval(np.eye(3), None, [0, 1, 1], aparam=mask)


def test_an_atom_alone(model: PotentialModel) -> None:
    energy, force, _ = DeepPot(model).eval(np.zeros((3, 3)), None, [0, 1, 1], aparam=[1, 0, 0])
    assert np.isfinite(energy).all() and (force == 0).all()


def test_a_large_cluster_is_not_slow_to_look_at(model: PotentialModel) -> None:
    """All pairs are included, since the cutoff is beyond them."""
    random = np.random.default_rng(0)
    coord = random.permutation(np.array(list(np.ndindex(5, 5, 4)), dtype=float)) * 1.5 + random.random((100, 3)) * 0.1
    env = model.environment(coord, None, np.arange(100) % 2, np.ones((100, 1)))
    assert len(env.centre) == 100 * 99


def test_precisions_are_measured_on_a_cluster(model: PotentialModel) -> None:
    rows = {row.precision: row for row in measure_deviations(model)}
    assert rows["float64"].force < 1e-8 and rows["float64"].sizes


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"fitting_net": {"neuron": [8]}},
            "se_a_mask needs a fitting_net of energies with numb_aparam 1",
        ),
        ({"fitting_net": FITTING | {"numb_aparam": 2}}, "numb_aparam is 2; it should be 1, for use_aparam_as_mask"),
        ({"descriptor": {"type": "se_e2_a"}}, "use_aparam_as_mask is given; it belongs to the descriptor se_a_mask"),
        ({"descriptor": MASK | {"sel": [0, 0]}}, r"\[0, 0\] should be counts of atoms, not all of them 0"),
        ({"descriptor": MASK | {"rcut": 6.0}}, "Extra inputs are not permitted"),
        ({"type_embedding": {}}, "type_embedding is given; it is not supported with se_a_mask"),
    ],
)
def test_sections_that_are_wrong(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate({"type_map": ["O", "H"], "descriptor": MASK, "fitting_net": FITTING} | section)
