"""Comparison with the equations that every spectral form has to pass, and its consequences."""

from __future__ import annotations

import pytest
import torch

from deepaw.potential.engine.base import COVERED
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.precision import BUDGETS
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.engine.trial import CLUSTERS, make_trial
from deepaw.potential.nativefile import make_model
from potential.engine.test_engine import SE_A, SE_R, SE_T, against_exact, model
from potential.structures import crowd, evaluate


@pytest.mark.parametrize("ntypes", [1, 3, 30])
def test_all_types_are_in_clusters_of_their_own(ntypes: int) -> None:
    trial = make_trial(ntypes, 0.75, 5.0)
    env = trial.env
    assert set(env.types.tolist()) == set(range(ntypes)) and (env.types.diff() >= 0).all()
    assert torch.equal(trial.cluster[env.centre], trial.cluster[env.neighbour])
    distance = torch.linalg.vector_norm(env.vector, dim=1)
    closest = [float(distance[trial.cluster[env.centre] == number].min()) for number in range(CLUSTERS)]
    assert 0.75 <= closest[0] < 1.0 and closest == sorted(closest) and 3.0 <= closest[-1] < 4.5


def test_deviations_are_relative_to_the_largest_of_a_cluster() -> None:
    trial = make_trial(1, 0.75, 5.0)
    expected = torch.ones(trial.env.natoms, 3, dtype=torch.float64)
    expected[trial.cluster == 2] = 1e-3
    values = expected.clone()
    values[int(torch.nonzero(trial.cluster == 2)[0]), 1] += 1e-6
    values[int(torch.nonzero(trial.cluster == 1)[0]), 0] -= 1e-4
    assert trial.deviation(values, expected) == pytest.approx(1e-3)
    values[0, 0] = torch.nan
    assert trial.deviation(values, expected) == float("inf")
    assert trial.deviation(torch.zeros(trial.env.natoms), torch.zeros(trial.env.natoms)) == 0.0


@pytest.mark.parametrize("descriptor", [SE_A, SE_R, SE_T], ids=["a", "r", "triples"])
def test_sharp_nets_are_held_as_exactly_as_others(descriptor: dict) -> None:
    """Sharp nets need a tighter tolerance than the default."""
    potential = model(descriptor | {"activation_function": "gelu"})
    with torch.no_grad():
        for layer in potential.descriptor.nets.layers:
            layer.w *= 2.5
        potential.descriptor.dstd.fill_(0.05)
    against_exact(potential, crowd(2), 3e-9)


def test_a_tighter_tolerance_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    potential = model(SE_R)
    usual = PotentialEngine(potential).sizes()
    deviations = [0.3, 1e-10]
    monkeypatch.setattr(PotentialEngine, "_deviation", lambda *_: deviations.pop(0))
    tighter = PotentialEngine(potential).sizes()
    assert tighter[0][0].polynomials > usual[0][0].polynomials and not deviations


@pytest.mark.parametrize("deviations", [[0.3, 0.2], [0.3, 0.03, 0.003, 0.0003]], ids=str)
def test_where_none_is_enough_the_equations_take_over(deviations: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The equations are used immediately if a tighter tolerance does not help."""
    potential, remaining = model(), [*deviations]
    monkeypatch.setattr(PotentialEngine, "_deviation", lambda *_: remaining.pop(0))
    engine = PotentialEngine(potential)
    evaluation, exact = evaluate(engine, crowd(2)), evaluate(PotentialEngine(potential, "exact"), crowd(2))
    assert engine.sizes() == [] and not remaining
    assert torch.equal(evaluation.force, exact.force)


def test_what_is_too_near_for_it_leaves_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PotentialEngine(model())
    before = engine.sizes()
    monkeypatch.setattr(PotentialEngine, "_deviation", lambda *_: 1.0)
    budget = BUDGETS["float64"]
    assert not engine._make_coverage(0.5, budget)
    assert engine._make_coverage(COVERED, budget) and engine.sizes() == before


@pytest.mark.parametrize("kind", ["dipole", "polar"])
def test_tensors_are_compared_too(kind: str) -> None:
    config = model().config.model_copy(deep=True).model_dump()
    config["fitting_net"] = {"type": kind, "neuron": [6], "numb_fparam": 1, "numb_aparam": 1}
    tensors = make_model(type(model().config).model_validate(config), generator=torch.Generator().manual_seed(1))
    engine = TensorEngine(tensors)
    assert engine.sizes()
    deviation = engine._deviation(make_trial(2, COVERED, tensors.rcut))
    assert 0 < deviation < BUDGETS["float64"].allowed
    for block in engine._blocks:
        block.net.feature_weights *= 1 + 1e-4
    assert engine._deviation(make_trial(2, COVERED, tensors.rcut)) > 1e-7
