"""Dipoles and polarizabilities that a worker gives, beside those of `deepaw.infer`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepDipole, DeepPolar
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.server.worker.evaluator import Evaluator
from deepaw.server.worker.interface import WorkerConfig
from potential.structures import crowd
from server.models import write_tensor

CLASSES = {"dipole": DeepDipole, "polar": DeepPolar}
FRAMES = [crowd(2, 7, seed) for seed in (0, 1)]
COORD, CELL = np.stack([frame.coord for frame in FRAMES]), np.stack([frame.cells for frame in FRAMES])
TYPES = np.stack([frame.types for frame in FRAMES])


def request(**given: Any) -> dict[str, Any]:
    """Two frames."""
    usual = {"coord": COORD, "cell": CELL, "types": TYPES, "numbers": None, "fparam": None, "aparam": None}
    return {**usual, "pbc": [True] * 3, "atomic": False, "derivatives": False, **given}


@pytest.mark.parametrize("kind", CLASSES)
def test_tensors_are_those_of_the_model(kind: str, tmp_path: Path) -> None:
    path = write_tensor(tmp_path / f"{kind}.safetensors", kind)
    evaluator = Evaluator(WorkerConfig())
    info = evaluator.load("water", str(path))
    assert info["kind"] == kind
    asked = [request(), request(atomic=True), request(atomic=True, derivatives=True), request(derivatives=True)]
    alone, of_atoms, whole, of_frames = evaluator.frames(info["hash"], asked)["answers"]
    model = CLASSES[kind](path)
    tensor, force, virial, atom_tensor, atom_virial = model.eval_full(COORD, CELL, TYPES, atomic=True)
    n = tensor.shape[1]
    assert np.abs(tensor).max() > 0.01
    for found in (alone, of_atoms, whole, of_frames):
        np.testing.assert_array_equal(found["tensor"], tensor)
    assert alone["force"] is None and alone["atom_tensor"] is None and of_frames["atom_virial"] is None
    np.testing.assert_array_equal(of_atoms["atom_tensor"], atom_tensor)
    for found in (whole, of_frames):
        np.testing.assert_array_equal(found["force"], force)
        np.testing.assert_array_equal(found["virial"].reshape(2, n, 9), virial)
    np.testing.assert_array_equal(whole["atom_virial"].reshape(2, n, 7, 9), atom_virial)


def test_what_is_wrong_with_one_request_does_not_touch_others(tmp_path: Path) -> None:
    path = write_tensor(tmp_path / "dipole.safetensors")
    evaluator = Evaluator(WorkerConfig())
    model = evaluator.load("water", str(path))["hash"]
    on_one_spot, unknown = request(coord=np.zeros_like(COORD)), request(types=TYPES + 1)
    wrong, sound, other = evaluator.frames(model, [on_one_spot, request(), unknown])["answers"]
    assert wrong["error"] == "input" and wrong["message"].startswith("frame 1: ")
    assert other["error"] == "input" and "type 2" in other["message"]
    np.testing.assert_array_equal(sound["tensor"], DeepDipole(path).eval(COORD, CELL, TYPES, atomic=False))
    structure = {"numbers": np.array([8]), "positions": np.zeros((1, 3)), "cell": np.eye(3), "pbc": np.ones(3, bool)}
    with pytest.raises(InputError, match="kind dipole; it has no density"):
        evaluator.points(model, [{"structure": structure, "points": np.ones((1, 3))}])


def test_models_that_give_no_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tensor(tmp_path / "dipole.safetensors")
    whole = TensorEngine.evaluate

    def broken(*args: Any, **options: Any) -> Any:
        found = whole(*args, **options)
        found.atom_tensor.fill_(np.nan)
        return found

    monkeypatch.setattr(TensorEngine, "evaluate", broken)
    with pytest.raises(InputError, match="not finite"):
        Evaluator(WorkerConfig()).load("water", str(path))
