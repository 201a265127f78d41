"""Engine: distance ranges, fallbacks, neighbour lists with a skin, progress, warnings and errors."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.engine import base, compiled
from deepaw.potential.engine.base import COVERED, SHORTEST
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential.randommodels import random_model
from potential.structures import Structure, assert_agree, crowd, evaluate, model_frame

SE_A = {"type": "se_e2_a", "rcut": 3.4, "rcut_smth": 1.2, "sel": [9, 10], "neuron": [4, 8], "axis_neuron": 3}
SE_T = {"type": "se_e3", "rcut": 3.2, "rcut_smth": 0.8, "sel": [9, 10], "neuron": [4, 8]}
SE_R = {"type": "se_e2_r", "rcut": 3.0, "rcut_smth": 0.8, "sel": [8, 8], "neuron": [4, 8]}


def model(descriptor: dict | None = None, fixed_slots: bool = False, **fitting) -> PotentialModel:
    keys = {"type_map": ["O", "H"], "descriptor": descriptor or SE_A, "fitting_net": {"neuron": [8, 8], **fitting}}
    return random_model(ModelConfig.model_validate(keys), fixed_slots=fixed_slots)


def pair(distance: float) -> Structure:
    coord = np.array([[0, 0, 0], [0, 0, distance], [1.5, 0.2, 0.4]])
    return Structure(np.array([0, 1, 1]), coord, None, np.zeros((3, 2)))


def against_exact(potential: PotentialModel, structure: Structure, limit: float = 1e-8) -> None:
    exact, evaluation = (
        evaluate(PotentialEngine(potential, precision), structure) for precision in ("exact", "float64")
    )
    for name in ("energy", "force", "virial", "atom_energy"):
        assert_agree(getattr(evaluation, name), getattr(exact, name), limit)


@pytest.mark.parametrize("descriptor", [SE_A, SE_R, SE_A | {"env_protection": 0.2}], ids=["a", "r", "protection"])
@pytest.mark.parametrize("distance", [0.7, 0.5, 0.3, SHORTEST + 0.01])
def test_shorter_distances_than_foreseen_are_covered_as_they_come(descriptor: dict, distance: float) -> None:
    assert distance < COVERED
    against_exact(model(descriptor), pair(distance), 1e-7)


@pytest.mark.parametrize("descriptor", [SE_A, SE_R, SE_A | {"env_protection": 0.2}], ids=["a", "r", "protection"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore:atoms")
def test_below_the_shortest_it_goes_on_smoothly(descriptor: dict, precision: str) -> None:
    """Energy and force are finite and continuous, and the force is the gradient of the energy."""
    engine = PotentialEngine(model(descriptor), precision)
    for distance in (1e-3, 0.05, 0.2):
        evaluation = evaluate(engine, pair(distance))
        assert all(torch.isfinite(value).all() for value in (evaluation.energy, evaluation.force, evaluation.virial))
    engine = PotentialEngine(model(descriptor))
    evaluate(engine, pair(0.2))
    inside, outside = (evaluate(engine, pair(SHORTEST + change)) for change in (-1e-7, 1e-7))
    largest = float(outside.force.abs().max())
    assert abs(float(inside.energy - outside.energy)) < 1e-5 * largest
    assert float((inside.force - outside.force).abs().max()) < 1e-4 * largest
    up, down = (float(evaluate(engine, pair(0.2 + change)).energy) for change in (1e-6, -1e-6))
    assert abs(float(evaluate(engine, pair(0.2)).force[1, 2]) + (up - down) / 2e-6) < 1e-5 * largest


@pytest.mark.parametrize("distance", [0.7, 0.3, SHORTEST - 0.05])
@pytest.mark.filterwarnings("ignore:atoms")
def test_dot_products_are_covered_as_they_come_and_exact_below_the_shortest(distance: float) -> None:
    potential = model({"type": "hybrid", "list": [SE_T, SE_A]} if distance > SHORTEST else SE_T)
    against_exact(potential, pair(distance), 1e-7)
    engine = PotentialEngine(potential)
    evaluate(engine, pair(distance))
    assert_agree(evaluate(engine, crowd(2)).force, evaluate(PotentialEngine(potential), crowd(2)).force, 1e-7)


def test_where_no_basis_reaches_the_equations_take_over() -> None:
    potential = model(SE_T)
    with torch.no_grad():
        potential.descriptor.nets.layers[0].w *= 300
    engine = PotentialEngine(potential)
    assert engine.sizes() == []
    evaluation, exact = evaluate(engine, crowd(2)), evaluate(PotentialEngine(potential, "exact"), crowd(2))
    assert torch.equal(evaluation.force, exact.force)


def test_what_was_computed_before_does_not_matter() -> None:
    """A short distance makes the bases larger for later evaluations."""
    engine, structure = PotentialEngine(model()), crowd(2)
    before = evaluate(engine, structure)
    evaluate(engine, pair(0.4))
    assert_agree(evaluate(engine, structure).force, before.force, 1e-8)


@pytest.mark.parametrize("name", ["relu", "relu6", "silut:2.0"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_embeddings_with_kinks_are_evaluated_exactly(name: str, precision: str) -> None:
    potential = model(SE_A | {"activation_function": name})
    exact, evaluation = (evaluate(PotentialEngine(potential, mode), crowd(2)) for mode in ("exact", precision))
    if precision == "float64":
        assert torch.equal(evaluation.force, exact.force)
    else:
        assert_agree(evaluation.force, exact.force, 1e-5)
        assert not torch.equal(evaluation.force, exact.force) and evaluation.force.dtype == torch.float64
    against_exact(model(activation_function=name), crowd(2))  # kinks in fitting nets do not need the equations


@pytest.mark.parametrize("neuron", [[72, 24], [36, 36], [12], []], ids=str)
def test_first_layers_that_add_their_input(neuron: list[int]) -> None:
    """First layers with the width of the input (24 entries, or 24 and parameters), twice that, or another one."""
    part = SE_A | {"neuron": [4, 12], "axis_neuron": 2}
    against_exact(model(part, neuron=neuron), crowd(2))
    against_exact(model(part, neuron=[24, 48], resnet_dt=False), crowd(2))
    against_exact(model(part, neuron=[26, 26], numb_fparam=1, numb_aparam=1), crowd(2))


@pytest.mark.parametrize("resnet_dt", [True, False])
def test_energies_of_single_atoms(resnet_dt: bool) -> None:
    potential = model(atom_ener=[-3.0, None], numb_fparam=1, resnet_dt=resnet_dt)
    against_exact(potential, crowd(2))


@pytest.mark.parametrize("size", [1, 30, 100, 10**6])
def test_tiles_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    potential = model({"type": "hybrid", "list": [SE_A, SE_R]})
    structure = crowd(2, natoms=9)
    expected = evaluate(PotentialEngine(potential), structure)
    monkeypatch.setattr(base, "TILE_PAIRS", size)
    monkeypatch.setattr(compiled, "find_library", lambda: None)
    calls: list[tuple[int, int]] = []
    evaluation = PotentialEngine(potential).evaluate(
        model_frame(potential, structure), progress=lambda *pair: calls.append(pair)
    )
    assert_agree(evaluation.force, expected.force, 1e-12)
    assert calls[-1] == (9, 9) and all(a < b for (a, _), (b, _) in pairwise(calls))
    assert len(calls) == {1: 9, 10**6: 2}.get(size, len(calls))


def test_types_that_do_not_occur() -> None:
    structure = crowd(1, natoms=4)
    against_exact(model(), structure)
    against_exact(model(), replace(structure, types=structure.types + 1))


@pytest.mark.parametrize("fixed_slots", [True, False])
def test_more_neighbours_than_slots(fixed_slots: bool) -> None:
    potential = model(SE_A | {"sel": [3, 4]}, fixed_slots)
    against_exact(potential, crowd(2))
    other = evaluate(PotentialEngine(model(SE_A | {"sel": [3, 4]}, not fixed_slots)), crowd(2))
    assert abs(float(evaluate(PotentialEngine(potential), crowd(2)).energy - other.energy)) > 1e-5


def test_atomic_virials_only_where_they_are_asked_for() -> None:
    engine = PotentialEngine(model())
    assert evaluate(engine, crowd(2)).atom_virial is None
    assert evaluate(engine, crowd(2), atomic_virial=True).atom_virial is not None


@pytest.mark.parametrize("precision", ["float64", "exact"])
def test_a_kept_neighbour_list_is_as_good_as_a_new_one(precision: str) -> None:
    potential = model()
    cached, fresh = PotentialEngine(potential, precision, skin=1.0), PotentialEngine(potential, precision)
    random = np.random.default_rng(0)
    structure = crowd(2)
    for step in range(30):
        structure = structure.moved(random.normal(0, 0.03, structure.coord.shape))
        if step % 10 == 9:
            structure = replace(structure, cell=structure.cells * random.uniform(0.97, 1.03, (3, 1)))
        evaluation, expected = evaluate(cached, structure), evaluate(fresh, structure)
        assert_agree(evaluation.force, expected.force, 1e-10)
        assert_agree(evaluation.virial, expected.virial, 1e-10)


def test_periods_along_some_cell_vectors() -> None:
    structure = crowd(2)
    engine = PotentialEngine(model())
    slab = engine.evaluate(replace(model_frame(engine.model, structure), periodic=(True, True, False)))
    padded = replace(structure, cell=structure.cells * np.array([[1], [1], [5]]))
    assert_agree(slab.force, evaluate(engine, padded).force, 1e-10)


def test_a_cutoff_far_beyond_a_molecule() -> None:
    """The neighbour list reaches no farther than the atoms do, also after these have moved apart."""
    potential = model(SE_A | {"rcut": 3e4})
    engine = PotentialEngine(potential, skin=1.0)
    for structure in (crowd(2, periodic=False), crowd(2, periodic=False).linear(3 * np.eye(3)), crowd(2, 3, 1, False)):
        assert_agree(
            evaluate(engine, structure).force, evaluate(PotentialEngine(potential, "exact"), structure).force, 1e-8
        )


def test_the_model_is_not_touched() -> None:
    potential = model().float()
    engine = PotentialEngine(potential)
    evaluate(engine, crowd(2))
    assert all(parameter.dtype == torch.float32 and parameter.requires_grad for parameter in potential.parameters())
    before = evaluate(engine, crowd(2)).energy
    with torch.no_grad():
        next(iter(potential.parameters())).zero_()
    assert evaluate(engine, crowd(2)).energy == before


def test_a_warning_once_and_an_error_on_one_spot() -> None:
    engine = PotentialEngine(model())
    with pytest.warns(UserWarning, match=r"atoms 1 and 2 are 0\.1 A apart"):
        evaluate(engine, pair(0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(engine, pair(0.1))
    with pytest.raises(InputError, match="atoms 1 and 2 are on one spot"):
        evaluate(engine, pair(1e-8))
    order = [2, 1, 0]
    with pytest.raises(InputError, match="atoms 2 and 3 are on one spot"):
        evaluate(engine, pair(1e-8)[order])


def test_a_precision_that_is_none() -> None:
    with pytest.raises(InputError, match="there is no precision 'float16'; it should be exact, float64 or float32"):
        PotentialEngine(model(), "float16")
