"""se_atten: equations slot by slot, keys, more neighbours than `sel`."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics
from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_atten_config import SeAttenConfig, SeAttenV2Config
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.files.formats import read_potential, write_potential
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.environment import Environment
from deepaw.potential.neighbours.pairs import find_environment
from potential.descriptor.reference import smooth
from potential.randommodels import random_model
from potential.structures import assert_agree, crowd, evaluate
from potential.test_physics_typed import ATTEN, FADING


def model(fixed_slots: bool = False, **keys: object) -> PotentialModel:
    config = {"type_map": ["O", "H"], "descriptor": ATTEN | keys, "fitting_net": {"neuron": [8, 8]}}
    return random_model(ModelConfig.model_validate(config), fixed_slots=fixed_slots)


def environment(rcut: float = ATTEN["rcut"]) -> Environment:
    structure = crowd(2)
    return find_environment(structure.coord, structure.cell, structure.types, rcut)


@torch.no_grad()
def slot_by_slot(part: SeAtten, env: Environment) -> torch.Tensor:
    """Compute A over all `sel` slots, without attention; a negative number of empty slots counts negatively."""
    rows = []
    for atom in range(env.natoms):
        centre = int(env.types[atom])
        vectors = [
            (int(env.types[j]), vector)
            for i, j, vector in zip(env.centre.tolist(), env.neighbour.tolist(), env.vector, strict=True)
            if i == atom and vector.norm() < part.rcut
        ]
        vectors.sort(key=lambda pair: float(pair[1].norm()))
        if part.fixed_slots:
            vectors = vectors[: part.nnei]
        embedded = [pair for pair in vectors if not part.excluded[centre, pair[0]]]
        empty = part.nnei - len(vectors if part.fixed_slots else embedded)
        A = torch.zeros(4, part.config.neuron[-1], dtype=torch.float64)
        slots = [*((kind, vector, 1.0) for kind, vector in embedded), (None, torch.zeros(3), float(empty))]
        for kind, vector, count in slots:
            raw, w = torch.zeros(4, dtype=torch.float64), 0.0
            if kind is not None:
                r = float(vector.norm())
                w, denominator = smooth(r, part.config.rcut_smth, part.rcut), r + part.config.env_protection
                raw = torch.cat([torch.ones(1, dtype=torch.float64), vector / denominator]) * w / denominator
            R = (raw - part.davg[centre]) / part.dstd[centre]
            pair = torch.tensor([0 if kind is None else int(part.net_index(torch.tensor(centre), torch.tensor(kind)))])
            fade = torch.tensor([w], dtype=torch.float64) if part.config.is_smooth else None
            A += count * torch.outer(R, part.nets.evaluate_pairs(pair, R[:1], fade)[0])
        A /= part.nnei
        D = (A.T @ A[:, : part.config.axis_neuron]).flatten()
        rows.append(torch.cat([D, part.nets.types()[centre]]) if part.config.concat_output_tebd else D)
    return torch.stack(rows)


@pytest.mark.parametrize("keys", [{}, {"tebd_input_mode": "strip", "type_one_side": True}, FADING], ids=str)
@pytest.mark.parametrize(
    "further_keys", [{}, {"sel": 60}, {"exclude_types": [[0, 1]]}, {"env_protection": 0.2}], ids=str
)
@pytest.mark.parametrize("fixed_slots", [True, False])
def test_the_equations_slot_by_slot(keys: dict, further_keys: dict, fixed_slots: bool) -> None:
    part, env = model(fixed_slots, **keys, **further_keys).descriptor, environment()
    actual, expected = part(env).detach(), slot_by_slot(part, env)
    assert actual.shape == (env.natoms, part.width)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13 * float(expected.abs().max()))


@pytest.mark.parametrize("keys", [{}, FADING, {"attn_layer": 1}, FADING | {"attn_layer": 2}], ids=str)
def test_pairs_beyond_the_cutoff_are_passed_over(keys: dict) -> None:
    part = model(**keys).descriptor
    torch.testing.assert_close(part(environment(4.5)), part(environment()))


def test_attention_counts_as_work() -> None:
    env = environment()
    plain, layers = (model(attn_layer=number).descriptor.evaluations(env) for number in (0, 2))
    assert plain.sum() == len(env.centre) and (layers >= 3 * plain).all()


@pytest.mark.parametrize("keys", [FADING, FADING | {"attn_layer": 1}, {"attn_layer": 1}], ids=str)
def test_the_rules_for_too_many_neighbours_differ_and_for_enough_slots_agree(keys: dict) -> None:
    env = environment()
    few, enough = ([model(fixed, sel=sel, **keys).descriptor(env) for fixed in (True, False)] for sel in (6, 60))
    assert not torch.allclose(*few, rtol=1e-3)
    torch.testing.assert_close(*enough)


@pytest.mark.parametrize("keys", [{}, FADING, {"attn_layer": 1}, {"attn_layer": 1, "smooth_type_embedding": True}])
@pytest.mark.parametrize("precision", ["exact", "float64", "float32"])
def test_an_atom_alone(keys: dict, precision: str) -> None:
    engine = PotentialEngine(model(**keys), precision)
    actual = engine.evaluate(Frame(np.zeros((1, 3)), None, np.array([1])))
    assert torch.isfinite(actual.energy) and not actual.force.any() and not actual.virial.any()


@pytest.mark.parametrize("keys", [{}, FADING | {"exclude_types": [[1, 1]]}], ids=str)
@pytest.mark.parametrize("fixed_slots", [True, False])
@pytest.mark.parametrize("distance", [0.7, 0.4, 0.26])
def test_the_engine_with_few_slots_and_at_short_distances(keys: dict, fixed_slots: bool, distance: float) -> None:
    potential, structure = model(fixed_slots, sel=6, **keys), crowd(2)
    structure.coord[1] = structure.coord[0] + np.array([0, 0, distance])
    exact, actual = (evaluate(PotentialEngine(potential, precision), structure) for precision in ("exact", "float64"))
    for name in ("energy", "force", "virial", "atom_energy"):
        assert_agree(getattr(actual, name), getattr(exact, name), 1e-7)


@pytest.mark.filterwarnings("ignore:atoms")
def test_below_the_shortest_distance_forces_are_still_the_gradient() -> None:
    engine = PotentialEngine(model(**FADING))

    def pair(distance: float) -> object:
        coord = np.array([[0, 0, 0], [0, 0, distance], [1.5, 0.2, 0.4]])
        return engine.evaluate(Frame(coord, None, np.array([0, 1, 1])))

    force = pair(0.2).force
    slope = (float(pair(0.2 + 1e-6).energy) - float(pair(0.2 - 1e-6).energy)) / 2e-6
    assert abs(float(force[1, 2]) + slope) < 1e-5 * float(force.abs().max())


def statistics(count: int) -> NeighbourStatistics:
    return NeighbourStatistics(6.0, np.array([count, count]), count, np.zeros(2), {})


def test_sel_is_counted_for_all_types_together() -> None:
    config = SeAttenConfig(attn_layer=0)
    assert config.sel == "auto" and config.with_counts(statistics(37), "OH", False).sel == 40
    assert config.model_copy(update={"sel": "auto:1.5"}).with_counts(statistics(37), "OH", False).sel == 56
    with pytest.raises(InputError, match="no atom of the training data has a neighbour within 6 A"):
        config.with_counts(statistics(0), "OH", False)
    with pytest.warns(UserWarning, match="sel is 30, and atoms of the training data have up to 31 neighbours"):
        assert SeAttenConfig(sel=30, attn_layer=0).with_counts(statistics(31), "OH", False).sel == 30
    with pytest.raises(InputError, match="sel is 'auto'; it should be counted"):
        SeAtten(config, 2)


@pytest.mark.parametrize("smooth_types", [True, False])
def test_a_warning_where_energies_jump(smooth_types: bool) -> None:
    config = SeAttenConfig(sel=40, attn_layer=1, smooth_type_embedding=smooth_types)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config.with_counts(statistics(37), "OH", False)
    assert [str(warning.message)[:30] for warning in caught] == (
        [] if smooth_types else ["smooth_type_embedding is false"]
    )


@pytest.mark.parametrize(("sel", "total"), [(60, 60), ([20, 40], 60), ([60], 60)])
def test_only_the_sum_of_sel_counts(sel: object, total: int) -> None:
    assert SeAttenConfig.model_validate({"sel": sel}).sel == total


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sel": 0}, "0 should be a number of neighbours above 0"),
        ({"sel": [4, -1]}, "should be a number of neighbours above 0"),
        ({"sel": "many"}, "auto, or auto:FACTOR"),
        ({"axis_neuron": 50}, "axis_neuron is 50; it should not exceed"),
        ({"set_davg_zero": False}, "set_davg_zero is false, which would make energies jump"),
        ({"tebd_input_mode": "add"}, "'concat' or 'strip'"),
        ({"attn_layer": -1}, "greater than or equal to 0"),
    ],
)
def test_keys_that_are_wrong(keys: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeAttenConfig.model_validate(keys)


def test_the_second_version_is_stripped_and_smooth() -> None:
    config = SeAttenV2Config()
    assert config.mode == "strip" and config.is_smooth and not config.set_davg_zero
    with pytest.raises(ValueError, match="tebd_input_mode"):
        SeAttenV2Config.model_validate({"tebd_input_mode": "concat"})


def test_a_frozen_descriptor_has_no_gradients() -> None:
    part = model(attn_layer=1, trainable=False).descriptor
    assert not any(parameter.requires_grad for parameter in part.parameters())


def test_a_net_of_types_of_its_own_goes_to_files_and_back(tmp_path: Path) -> None:
    keys = {"type_map": ["O", "H"], "descriptor": ATTEN, "fitting_net": {"neuron": [8]}}
    potential = random_model(ModelConfig.model_validate(keys | {"type_embedding": {"neuron": [5, 3]}}))
    write_potential(tmp_path / "model.dp", potential)
    converted = read_potential(tmp_path / "model.dp")
    assert converted.config.type_embedding is not None and converted.config.type_embedding.neuron == (5, 3)
    before, after = (evaluate(PotentialEngine(version, "exact"), crowd(2)) for version in (potential, converted))
    assert_agree(after.force, before.force, 1e-13)


def test_se_e2_a_with_types_is_not_written_for_deepmd_kit(tmp_path: Path) -> None:
    descriptor = {"type": "se_e2_a", "sel": [4, 4], "neuron": [3, 6], "axis_neuron": 2}
    keys = {"type_map": ["O", "H"], "descriptor": descriptor, "type_embedding": {"neuron": [3]}}
    with pytest.raises(InputError, match=r"type_embedding cannot be written for DeePMD-kit"):
        write_potential(tmp_path / "model.dp", PotentialModel(ModelConfig.model_validate(keys)))
    assert not list(tmp_path.iterdir())
