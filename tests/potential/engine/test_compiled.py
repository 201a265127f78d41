"""The compiled evaluation against the engine's tiles, on every member that it evaluates."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.native.library import find_library
from deepaw.potential.engine import compiled
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from potential import test_physics, test_physics_typed
from potential.randommodels import random_model
from potential.structures import assert_agree, crowd, evaluate, model_frame

pytestmark = pytest.mark.skipif(find_library() is None, reason="there is no compiled part")

EVALUATED = {
    **dict.fromkeys(test_physics.MODELS, test_physics.config_of),
    **dict.fromkeys(("se_e2_a", "concat", "strip", "fading", "v2"), test_physics_typed.config_of),
}
TOLERANCES = {"float64": 1e-11, "float32": 1e-4}
FIELDS = ("energy", "force", "virial", "atom_energy", "atom_virial")


def engines(
    model: PotentialModel, precision: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[PotentialEngine, PotentialEngine]:
    """Return an engine with the compiled evaluation, and one that is left without."""
    one, other = PotentialEngine(model, precision), PotentialEngine(model, precision)
    monkeypatch.setattr(other, "_compiled_evaluator", lambda: None)
    return one, other


@pytest.mark.parametrize("name", EVALUATED)
@pytest.mark.parametrize("precision", TOLERANCES)
def test_it_is_the_engine(name: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(EVALUATED[name](name))
    one, other = engines(model, precision, monkeypatch)
    structure = crowd(len(model.type_map), natoms=9)
    found, expected = (evaluate(engine, structure, atomic_virial=True) for engine in (one, other))
    assert one._compiled_evaluator() is not None
    for field in FIELDS:
        assert_agree(getattr(found, field), getattr(expected, field), TOLERANCES[precision])


def test_several_frames_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(test_physics.config_of("parameters"))
    one, other = engines(model, "float64", monkeypatch)
    frames = [model_frame(model, crowd(2, natoms=natoms, seed=natoms, periodic=natoms > 3)) for natoms in (3, 5, 8)]
    for found, expected in zip(one.evaluate_frames(frames), other.evaluate_frames(frames), strict=True):
        for field in ("energy", "force", "virial", "atom_energy"):
            assert_agree(getattr(found, field), getattr(expected, field), 1e-11)


@pytest.mark.filterwarnings("ignore:atoms . and . are 0.2 A apart")
def test_atoms_that_come_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the blocks are made anew, so is the compiled evaluation."""
    model = random_model(test_physics.config_of("one_side"))
    one, other = engines(model, "float64", monkeypatch)
    for distance in (1.0, 0.5, 0.2, 1.0):
        structure = crowd(2, natoms=4)
        structure.coord[1] = structure.coord[0] + np.array([0, 0, distance])
        assert_agree(evaluate(one, structure).force, evaluate(other, structure).force, 1e-10)


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_and_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "PIECE", 4)
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    model = random_model(test_physics.config_of("one_side"))
    one, other = engines(model, "float64", monkeypatch)
    structure = crowd(2, natoms=9)
    calls: list[tuple[int, int]] = []
    found = one.evaluate(model_frame(model, structure), progress=lambda *pair: calls.append(pair))
    assert calls == [(4, 9), (8, 9), (9, 9)]
    assert_agree(found.force, evaluate(other, structure).force, 1e-11)


def test_models_that_it_does_not_evaluate() -> None:
    model = random_model(test_physics_typed.config_of("attention"))
    engine = PotentialEngine(model)
    evaluate(engine, crowd(2))
    assert engine._compiled_evaluator() is None
    relu = ModelConfig.model_validate(
        {"type_map": ["O", "H"], "descriptor": test_physics.ONE_SIDE, "fitting_net": {"neuron": [8, 8]}}
    )
    engine = PotentialEngine(random_model(relu), "exact")
    evaluate(engine, crowd(2))
    assert engine._compiled is None
